"""One of the targets for as long as one likes, guided by the code that its inputs reach.

    python -m tests.chaos.fuzz TARGET --seconds 600
    python -m tests.chaos.fuzz TARGET --input FILE

needs atheris: `pip install --require-hashes -r requirements/fuzz.txt`, on Linux. Inputs that
reached something new are kept in `.cache/fuzz/TARGET` for the next time. What is found ends it:
the input is written to a file, which `--input` tries again (without atheris).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

LONGEST = 20_000
HANG_SECONDS = 20
MOST_MIB = 2048
INSTRUMENTED = ["triphammer", "cronsim", "python_multipart", "tomllib", "email", "ipaddress"]


def main() -> None:
    """Fuzz the target, or try one input."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--input", type=Path)
    given = parser.parse_args()
    if given.input is not None:
        table = importlib.import_module("tests.chaos.fuzz.table")
        table.judge(_target(table, given.target), given.input.read_bytes())
        print("a value or a clear error")
        return
    _fuzz(given.target, given.seconds)


def _fuzz(name: str, seconds: int) -> None:
    atheris = importlib.import_module("atheris")
    # Only what is imported within is instrumented, so nothing of ours is imported before.
    with atheris.instrument_imports(include=INSTRUMENTED):
        table = importlib.import_module("tests.chaos.fuzz.table")
    target = _target(table, name)
    folder = Path(".cache/fuzz") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(text)
    words = folder.parent / f"{name}.words"
    words.write_text("".join(map(_quoted, (*target.words, *table.NASTY))))
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MOST_MIB}",
        f"-max_len={LONGEST}",
        f"-dict={words}",
        f"-artifact_prefix={folder.parent}/found-{name}-",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], partial(table.judge, target))
    atheris.Fuzz()


def _target(table: Any, name: str) -> Any:
    targets: Sequence[str] = table.TARGETS
    if name not in targets:
        sys.exit(f"no target is named {name!r}; there are: {', '.join(targets)}")
    return table.TARGETS[name]


def _quoted(word: bytes) -> str:
    """A line of libFuzzer's dictionaries."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word[:64]) + '"\n'


if __name__ == "__main__":
    main()
