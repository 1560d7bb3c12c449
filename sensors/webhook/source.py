"""The source `webhook(...)`."""

from __future__ import annotations

import re
from typing import Any

from triphammer.config.showing import shown
from triphammer.config.source import Source
from triphammer.sensors.errors import SourceError
from triphammer.sensors.webhook.verify import Verify

TYPE = "triphammer.webhook.received"
_PATH = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", re.ASCII)


def webhook(path: str, *, verify: Verify | None = None) -> Source:
    """Deliveries to `POST /hooks/{path}`; `event.data` is the decoded body.

    `verify` says who may deliver: `standard`, `github`, `stripe`, `slack` or `shared`, each
    with the secret. Flows that share a path must name the same one. Raises SourceError.
    """
    name = _checked(path)
    if verify is not None and not isinstance(verify, Verify):  # pyright: ignore[reportUnnecessaryIsInstance] - users' files are not always type-checked
        raise SourceError(
            f"webhook({shown(path)}): verify takes standard(...), github(...), stripe(...),"
            ' slack(...) or shared(...), such as verify=github(secret("NAME")),'
            f" not {shown(verify)}"
        )
    options: dict[str, Any] = {"path": name, "verify": verify.options() if verify else None}
    verified = f", verify={verify}" if verify else ""
    return Source(
        kind="webhook",
        name=name,
        options=options,
        match={"source": [event_source(name)], "type": [TYPE]},
        text=f'webhook("{name}"{verified})',
    )


def event_source(path: str) -> str:
    """The CloudEvents source of the deliveries to `path`."""
    return f"triphammer/webhook/{path}"


def _checked(path: str) -> str:
    name = path.strip("/")
    if _PATH.fullmatch(name) is None or ".." in name.split("/"):
        raise SourceError(
            f"webhook({shown(path)}): a path is made of letters, digits and - . _ ~ between single"
            ' slashes, such as "github" or "shop/orders"'
        )
    return name
