"""How long the tests of this folder try, and what their luck is made of."""

from __future__ import annotations

import argparse
import os
from random import Random

FACTOR = "TRIPHAMMER_CHAOS"
SEED = "TRIPHAMMER_CHAOS_SEED"


def times(short: int) -> int:
    """`short` in every run; `TRIPHAMMER_CHAOS=20` makes it twenty times as much."""
    return max(1, round(short * float(os.environ.get(FACTOR, "1"))))


def seed() -> int:
    """A new one for each test, printed so that it can be given again by the environment."""
    given = os.environ.get(SEED)
    value = int(given) if given else Random().randrange(1_000_000)
    print(f"{SEED}={value}")
    return value


def say_command(module: str, given: argparse.Namespace) -> None:
    """Print the command that does the same again, before anything can hang or fail."""
    options = " ".join(f"--{name} {value}" for name, value in vars(given).items())
    print(f"python -m tests.chaos.{module} {options}", flush=True)
