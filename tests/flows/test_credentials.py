"""References to secrets and connections outside tasks."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from tests.flows.support import KnownScope
from triphammer.config import secrets as config
from triphammer.flows.credentials import SecretText, connection, secret
from triphammer.flows.errors import HandleError
from triphammer.flows.expr import resolve


def test_a_reference_names_and_compares_but_holds_no_value() -> None:
    ref = secret("S")
    assert isinstance(ref, config.SecretRef)
    assert (ref.name, repr(ref)) == ("S", "secret('S')")
    assert ref == secret("S")
    assert ref != secret("T")
    assert len({secret("S"), secret("S")}) == 1
    other: Any = connection("S")
    assert isinstance(other, config.ConnectionRef)
    assert (other == connection("S"), repr(other)) == (True, "connection('S')")
    assert other != secret("S")
    assert len({other, connection("S")}) == 1


def test_a_reference_is_no_value() -> None:
    with pytest.raises(HandleError, match=r"test_credentials.py:\d+: secret\('S'\)"):
        f"{secret('S')}"
    with pytest.raises(HandleError):
        str(connection("S"))


def test_the_value_comes_at_run_time_and_knows_its_name() -> None:
    scope = KnownScope(secrets={"S": "hidden"})
    value, table = resolve([secret("S"), connection("C")], scope)
    assert (value, value.name, table) == ("hidden", "S", {"name": "C"})
    assert isinstance(value, SecretText)


def test_a_value_can_go_to_another_process() -> None:
    value = pickle.loads(pickle.dumps(SecretText("hidden", "S")))
    assert (value, value.name) == ("hidden", "S")
