"""Reads the `.sql` files: blocks that begin with `-- name: NAME` and end with a semicolon."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
PACKAGE = "triphammer.service.store.sqlite"


@cache
def statements(file: str) -> Mapping[str, str]:
    """The statements of a `.sql` file of this folder by name, without their comments."""
    text = (files(PACKAGE) / file).read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    bodies = zip(parts[::2], parts[1::2], strict=True)
    return MappingProxyType({name: _bare(body) for name, body in bodies})


def _bare(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
