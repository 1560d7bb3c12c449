"""What is fuzzed: a parser as a function of bytes, and what it may answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from triphammer.sensors.errors import Rejected

LONGEST_MESSAGE = 10_000
"""Messages go to logs, answers and pages: they quote their input, they do not repeat it."""
REFUSALS = (400, 401, 413, 415)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    `run` reads the input and raises `allowed`, exactly that type, or nothing. `says`
    is what each of its messages must mention. `words` is what its inputs are made of, `large`
    how many bytes are a lot for it.
    """

    name: str
    run: Callable[[bytes], object]
    allowed: type[Exception]
    says: str
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    large: int = 100_000


def judge(target: Target, data: bytes) -> None:
    """Run the target on `data`. Raises whatever is neither a value nor its own clear refusal."""
    try:
        target.run(data)
    except target.allowed as error:
        if type(error) is not target.allowed:
            raise
        check_refusal(target, error)


def check_refusal(target: Target, error: Exception) -> None:
    """A message that can be read, sent and logged, and names what is wrong."""
    message = str(error)
    message.encode()
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message[:200]}"
    assert re.search(target.says, message), f"says nothing of {target.says}: {message}"
    if isinstance(error, Rejected):
        assert error.status in REFUSALS, error.status
