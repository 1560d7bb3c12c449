"""`default.toml` says what the model says: every key, its default, in order."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from triphammer.config.settings import Settings

TEXT = (files("triphammer.config") / "default.toml").read_text(encoding="utf-8")
KEY = re.compile(r"^#(\w+ = .*)$")
TABLE = re.compile(r"^#(\[.+\])$")
UNSET = "  # not set"


def uncommented(*, examples: bool) -> dict[str, Any]:
    """The file with its keys taken in; those that are not set by default only as examples."""
    lines: list[str] = []
    for line in TEXT.splitlines():
        found = KEY.match(line) or TABLE.match(line)
        if found is None:
            lines.append(line)
        elif examples or not line.endswith(UNSET):
            lines.append(found[1])
    return tomllib.loads("\n".join(lines))


def documented_keys() -> list[str]:
    return [line[1:].split(" = ")[0] for line in TEXT.splitlines() if KEY.match(line)]


def sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def test_as_it_is_it_sets_nothing() -> None:
    assert Settings.model_validate(tomllib.loads(TEXT)) == Settings()


def test_each_default_is_the_models() -> None:
    documented = Settings.model_validate(uncommented(examples=False))
    assert (
        documented.model_copy(update={"connections": {}, "sensors": {}, "pools": {}}) == Settings()
    )


def test_each_key_is_there_in_the_models_order() -> None:
    documented = uncommented(examples=True)
    assert list(documented) == list(Settings.model_fields)
    for name, model in sections().items():
        assert list(documented[name]) == list(model.model_fields)


def test_keys_without_a_default_are_marked_and_their_examples_fit() -> None:
    examples = Settings.model_validate(uncommented(examples=True))
    marked = {line[1:].split(" = ")[0] for line in TEXT.splitlines() if line.endswith(UNSET)}
    unset = {
        key
        for name, model in sections().items()
        for key in model.model_fields
        if getattr(getattr(Settings(), name), key) is None
    }
    assert marked == unset
    assert all(getattr(examples.kafka, key) is not None for key in examples.kafka.model_fields_set)


def test_each_key_has_a_description_above_it() -> None:
    described = ""
    for line in TEXT.splitlines():
        if line.startswith("# "):
            described = line
        elif not line:
            described = ""
        elif KEY.match(line):
            assert described, line


def test_values_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().server.port = 1


def test_paths_stay_relative_until_the_root_is_known() -> None:
    assert Settings().store.data == Path(".triphammer")


def test_a_proxy_is_an_address_or_a_network() -> None:
    given = {"server": {"trusted_proxies": ["10.0.0.7", "10.0.0.0/8", "2001:db8::/32"]}}
    assert len(Settings.model_validate(given).server.trusted_proxies) == 3
    for wrong in ("proxy.example", "10.0.0.7/8", ""):
        with pytest.raises(ValidationError, match="is no address or network"):
            Settings.model_validate({"server": {"trusted_proxies": [wrong]}})
