"""`triphammer init`: a new project that passes `check` and `pytest` at once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from triphammer.service.cli.options import reports_errors
from triphammer.service.cli.output import fail

SKELETON = {
    "flows/hello.py": "hello.py.txt",
    "tests/test_hello.py": "test_hello.py.txt",
    ".gitignore": "gitignore.txt",
}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(init))


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where.")] = Path(),
) -> None:
    """Make a new project: settings, a first flow with its test, an inbox."""
    contents = {"triphammer.toml": files("triphammer.config") / "default.toml"}
    contents |= {
        place: files("triphammer.service.cli") / "skeleton" / name
        for place, name in SKELETON.items()
    }
    taken = [place for place in contents if (folder / place).exists()]
    if taken:
        raise fail(f"{folder.resolve()} already has {', '.join(taken)}; nothing was written")
    for place, content in contents.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "inbox").mkdir(exist_ok=True)
    where = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"A new project is in {folder.resolve()}. Next: {where}triphammer serve")
