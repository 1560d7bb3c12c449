"""Whatever the API can do, the client and the command line can do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, is_typeddict

import typer

from tests.house.reference import openapi
from tests.house.tracked import ROOT
from triphammer import answers
from triphammer.service.cli.app import build
from triphammer.service.client.asynchronous import AsyncClient
from triphammer.service.client.sync import Client
from triphammer.service.web import access_models, code_models, documents, looking_models, models

COMMANDS = ROOT / "service" / "cli"
Route = tuple[str, str]
"""The method and the template of a path."""


def documented() -> Mapping[Route, dict[str, Any]]:
    """All routes of the OpenAPI document. The console's forms are not in it: pages send them."""
    paths = openapi()["paths"]
    return {
        (method.upper(), path): told
        for path, methods in paths.items()
        for method, told in methods.items()
    }


def offered(client: type) -> Mapping[str, Route]:
    """Which route each method of a client asks."""
    members = inspect.getmembers_static(client)
    return {
        name: (member.method, member.template)
        for name, member in members
        if getattr(member, "template", None) is not None
    }


def test_the_client_covers_every_route() -> None:
    assert set(offered(Client).values()) == set(documented())


def test_both_clients_offer_the_same() -> None:
    assert offered(Client) == offered(AsyncClient)


def test_whatever_is_answered_has_a_name_for_annotations() -> None:
    """`triphammer.answers` has the types that the document is made of, and the news."""
    described = {
        name
        for module in (access_models, code_models, documents, looking_models, models)
        for name, item in vars(module).items()
        if is_typeddict(item) and item is not documents.Page
    }
    assert set(answers.__all__) == described | {"News"}
    assert all(hasattr(answers, name) for name in answers.__all__)


def test_the_client_can_say_all_that_a_route_takes() -> None:
    """Each parameter in the query is one of a method of the client."""
    takes: dict[Route, set[str]] = {}
    for name, route in offered(Client).items():
        method = inspect.getattr_static(Client, name)
        takes.setdefault(route, set()).update(method.__signature__.parameters)
    other_names = {"kind": "kinds", "last_event_id": "after", "run": "runs"}
    missing = {
        (route, parameter["name"])
        for route, told in documented().items()
        for parameter in told.get("parameters", ())
        if parameter.get("in") == "query"
        and not {parameter["name"], other_names.get(parameter["name"])} & takes[route]
    }
    # `tasks=all` is a method of its own.
    assert missing == {(("GET", "/api/v1/runs/{id}"), "tasks")}
    assert Client.tasks("run_1").query["tasks"] == "all"


def test_every_route_is_reached_by_a_command() -> None:
    """By walking from the functions of the commands through all that they call in `service/cli`,
    to the methods of the client."""
    asked = {method for methods in verbs().values() for method in methods}
    routes = offered(Client)
    unreached = set(documented()) - {routes[method] for method in asked if method in routes}
    assert unreached == set()


def test_commands_lead_where_they_say() -> None:
    """That the walk above finds what is there, and no more."""
    found = verbs()
    assert "cancel" in found["cancel"]
    assert found["pause"] == {"pause"}
    assert "stored_content" in found["run"]
    assert "stored_content" not in found["runs"]


def verbs() -> Mapping[str, set[str]]:
    """The methods of the client that each command may call."""
    uses = _functions()
    return {
        name: set(_reached(start, uses)) & set(dir(Client))
        for name, start in _commands(typer.main.get_command(build()), "")
    }


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if command.callback is not None:
            function = inspect.unwrap(command.callback)
            module = Path(inspect.getfile(function)).stem
            yield f"{prefix}{name}", f"{module}.{function.__name__}"
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")


def _functions() -> Mapping[str, set[str]]:
    """What each function and class of the command line uses, as `module.name`; what is asked of
    a `daemon` begins with a dot."""
    found: dict[str, set[str]] = {}
    for file in sorted(COMMANDS.glob("*.py")):
        module = ast.parse(file.read_text())
        imported = dict(_imported(module))
        for node in module.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                used = set(_used(node))
                found[f"{file.stem}.{node.name}"] = {
                    name if name.startswith(".") else imported.get(name, f"{file.stem}.{name}")
                    for name in used
                }
    return found


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    """What a module has from the others, also inside functions: the name, and whose it is."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            package, _, home = node.module.rpartition(".")
            if package == "triphammer.service.cli":
                yield from ((name.name, f"{home}.{name.name}") for name in node.names)


def _used(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            value = inner.value
            named = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
            if named.lstrip("_") == "daemon":
                yield f".{inner.attr}"


def _reached(start: str, uses: Mapping[str, set[str]]) -> Iterator[str]:
    """What is asked of the daemon from a function on, through all that it uses."""
    seen, waiting = {start}, [start]
    while waiting:
        for used in uses.get(waiting.pop(), ()):
            if used.startswith("."):
                yield used[1:]
            elif used not in seen:
                seen.add(used)
                waiting.append(used)
