"""Writes `docs/reference.md` from the code: `python -m tests.house.reference`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.resources import files
from types import ModuleType
from typing import Any

import typer

import triphammer
from tests.house.tracked import ROOT
from triphammer import testing
from triphammer.pytest_plugin import triphammer_sim
from triphammer.service.access.protection import Protection
from triphammer.service.cli.app import build
from triphammer.service.client.topics import Topics
from triphammer.service.web.app import build_app
from triphammer.testing.world import World

PARTS = (testing.Inbox, testing.Topic, testing.Hook, testing.Receiver)
INSIDE = {*vars(World), "arrive"}
"""What the parts of a simulation ask of each other."""
PAGE = ROOT / "docs" / "reference.md"


def reference() -> str:
    """The page."""
    parts = ["# Reference", "", "Made from the code by `python -m tests.house.reference`.", ""]
    parts += ["## What flow files import", "", *_names(triphammer), ""]
    parts += ["## What tests import", "", *_kit(), ""]
    parts += ["## The client", "", *_client(), ""]
    parts += ["## Commands", "", *_commands(), ""]
    parts += ["## HTTP", "", *_routes(), ""]
    default = files("triphammer.config") / "default.toml"
    parts += ["## Settings", "", "```toml", default.read_text(encoding="utf-8").rstrip(), "```"]
    return "\n".join(parts) + "\n"


def _names(module: ModuleType) -> Iterator[str]:
    yield "| name | |"
    yield "|---|---|"
    for name in module.__all__:
        yield f"| `{name}` | {_first(getattr(module, name))} |"


def _kit() -> Iterator[str]:
    yield from _names(testing)
    for kind in (testing.Simulation, testing.SimulatedRun, *PARTS):
        yield ""
        yield f"### `{kind.__name__}`"
        yield ""
        for name, member in vars(kind).items():
            if name.startswith("_") or name in INSIDE:
                continue
            if text := _first(member):
                called = "()" if inspect.isfunction(member) else ""
                yield f"- `{name}{called}` {text}"
    yield ""
    yield f"The fixture `triphammer_sim`: {_first(triphammer_sim)}"


def _first(thing: Any) -> str:
    """The first paragraph of what is told about something."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def _client() -> Iterator[str]:
    yield "Methods of `triphammer.Client`, and of `AsyncClient`; see [the page](client.md)."
    yield ""
    for name, member in inspect.getmembers_static(Topics):
        if not name.startswith("_"):
            called = ", ".join(member.__signature__.parameters)
            yield f"- `{name}({called})` {_first(member)}"


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(build())
    yield from _command_rows(group, "triphammer")


def _command_rows(group: Any, prefix: str) -> Iterator[str]:
    for name in sorted(group.commands):
        command = group.commands[name]
        verbs = hasattr(command, "commands")
        if not verbs or command.invoke_without_command:
            yield from _command(command, f"{prefix} {name}")
        if verbs:
            yield from _command_rows(command, f"{prefix} {name}")


def _command(command: Any, title: str) -> Iterator[str]:
    yield f"### `{title}`"
    yield ""
    yield " ".join((command.help or "").split())
    yield ""
    for parameter in command.params:
        record = _parameter(parameter)
        if record:
            yield record
    yield ""


def _parameter(parameter: Any) -> str:
    if "--help" in parameter.opts:
        return ""
    text = getattr(parameter, "help", None) or ""
    if parameter.param_type_name == "argument":
        return f"- `{parameter.name.upper()}` {text}".rstrip()
    return f"- `{', '.join(parameter.opts)}` {text}".rstrip()


def openapi() -> dict[str, Any]:
    """The document of the API, as a daemon would serve it."""
    stand_in: Any = _Nothing()
    app = build_app(
        operations=stand_in,
        reading=stand_in,
        overview=stand_in,
        deadletters=stand_in,
        flow_state=stand_in,
        backfills=stand_in,
        versions=stand_in,
        reloads=stand_in,
        console=stand_in,
        signin=stand_in,
        pages=stand_in,
        probes=stand_in,
        streams=stand_in,
        tokens=stand_in,
        protection=Protection(True, True, ""),
        version=triphammer.__version__,
    )
    return app.openapi()


def _routes() -> Iterator[str]:
    for path, methods in openapi()["paths"].items():
        for method, told in methods.items():
            text = " ".join(told["description"].split())
            yield f"- `{method.upper()} {path}` {text}"
    yield "- `GET /openapi.json`, `/docs`: all of it with schemas; the console at `/`."


class _Nothing:
    """Stands in for the parts: only the routes are looked at."""

    def routes(self) -> list[Any]:
        return []


if __name__ == "__main__":
    PAGE.write_text(reference())
