"""The `.where` language: patterns over events, in the vocabulary of EventBridge plus `regex`."""

from triphammer.config.patterns.clause import Clause
from triphammer.config.patterns.compiled import Compiled
from triphammer.config.patterns.reading import compile_pattern
from triphammer.config.patterns.values import values_at

__all__ = ["Clause", "Compiled", "compile_pattern", "values_at"]
