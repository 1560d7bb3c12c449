from __future__ import annotations

import pytest

from triphammer.flows.engine.policy import tries_again
from triphammer.flows.executors.kinds import kinds_of
from triphammer.flows.graph import Options


class Mine(ConnectionError): ...


HERE = f"{__name__}.Mine"


@pytest.mark.parametrize(
    ("error", "retry_on", "never_retry", "again"),
    [
        (ValueError, (), (), True),
        (ValueError, ("builtins.ValueError",), (), True),
        (ValueError, ("builtins.TimeoutError",), (), False),
        (UnicodeDecodeError, ("ValueError",), (), True),
        (UnicodeDecodeError, (), ("ValueError",), False),
        (UnicodeDecodeError, ("ValueError",), ("UnicodeDecodeError",), False),
        (Mine, (HERE,), (), True),
        (Mine, ("builtins.OSError",), (), True),
        (Mine, ("tests.Mine",), (), True),
        (Mine, ("flows.Mine",), (), False),
        (Mine, (), ("ConnectionError", "x.y"), False),
    ],
)
def test_an_error_is_known_by_its_types(
    error: type[BaseException],
    retry_on: tuple[str, ...],
    never_retry: tuple[str, ...],
    again: bool,
) -> None:
    options = Options(retry_on=retry_on, never_retry=never_retry)
    assert tries_again(options, kinds_of(error)) is again


def test_what_is_not_the_tasks_own_error_no_list_is_about() -> None:
    assert tries_again(Options(retry_on=("ValueError",), never_retry=("Exception",)), ())
