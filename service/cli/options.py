"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from triphammer.config.errors import TriphammerError
from triphammer.service.cli.output import fail

TOKEN, TOKEN_VARIABLE = "token", "TRIPHAMMER_TOKEN"
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="TRIPHAMMER_URL",
        help="Where the daemon listens; default: what [server] of the project says.",
        show_default="http://127.0.0.1:8420",
    ),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        help="What the daemon knows you by; better in the variable than here.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter; JSON or text."),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A settings file other than triphammer.toml.")
]
INTERRUPTED = 130
"""As the shell says of what Ctrl-C has ended."""
URL = ""
"""Nothing was said: the daemon of the project here."""


class Address(str):
    """Where a daemon is, and the token to show it."""

    __slots__ = ("token",)
    token: str

    @classmethod
    def of(cls, url: str, token: str) -> Address:
        """The address `url`, where `token` is shown."""
        made = cls(url)
        made.token = token
        return made


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Ends a command with exit code 1 and one clear line when one of our errors is raised."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            if TOKEN in kwargs:
                kwargs["url"] = Address.of(kwargs["url"], kwargs.pop(TOKEN))
            command(*args, **kwargs)
        except TriphammerError as error:
            raise fail(told(error)) from None
        except ExceptionGroup as group:
            alone = _alone(group)
            if not isinstance(alone, TriphammerError):
                raise
            raise fail(told(alone)) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    if "url" in signature(command).parameters:
        _add_token(wrapped, command)
    return wrapped


def told(error: Exception) -> str:
    """What to say of an error where a command was called."""
    return getattr(error, "shell", "") or str(error)


def _add_token(wrapped: Any, command: Callable[..., None]) -> None:
    """Whatever talks to a daemon can show it a token: no command need think of that."""
    known = signature(command, eval_str=True)
    parameters = list(known.parameters.values())
    place = list(known.parameters).index("url") + 1
    option = Parameter(TOKEN, Parameter.POSITIONAL_OR_KEYWORD, default="", annotation=Token)
    parameters.insert(place, option)
    wrapped.__signature__ = known.replace(parameters=parameters)


def _alone(error: Exception) -> Exception:
    """The one error that task groups have wrapped, or the group of several."""
    wrapped: tuple[Exception, ...] = getattr(error, "exceptions", ())
    return _alone(wrapped[0]) if len(wrapped) == 1 else error


def parse_params(given: Sequence[str] | None) -> Mapping[str, Any]:
    """`key=value` texts as parameters; a value that is no JSON is taken as text."""
    return {key: json_or_text(text) for key, text in parse_texts(given, "--param").items()}


def parse_texts(given: Sequence[str] | None, option: str) -> Mapping[str, str]:
    """The `key=value` texts of an option."""
    texts: dict[str, str] = {}
    for item in given or ():
        key, sign, text = item.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"{item!r} is not KEY=VALUE", param_hint=option)
        texts[key] = text
    return texts


def json_or_text(text: str) -> Any:
    """The JSON value of `text`, or `text` itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def json_argument(text: str, name: str) -> Any:
    """The JSON value of an option; `@FILE` reads it from a file."""
    source = text
    if text.startswith("@"):
        try:
            source = Path(text[1:]).read_text()
        except OSError as error:
            raise typer.BadParameter(f"{text[1:]}: {error.strerror}", param_hint=name) from None
    try:
        return msgspec.json.decode(source)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=name) from None
