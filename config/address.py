"""Where the daemon of a project listens: as it says itself, else by the project's settings.

A daemon that runs keeps its URL in a file of its data folder. Read without the settings' own
code, which would double the time of a command.
"""

from __future__ import annotations

import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from triphammer.config.root import settings_file

ADDRESS = "address"
"""The file in the data folder."""
HOST, PORT, DATA = "127.0.0.1", "8420", ".triphammer"
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
VARIABLE = "TRIPHAMMER_"
LONGEST = 400
"""Letters of a URL that is believed."""


def project_url(start: Path, environ: Mapping[str, str]) -> str:
    """The URL of the running daemon of the project of `start`; without one by `[server]` and by
    variables. What is wrong there is for those commands to say that read all settings.

    A daemon that was killed leaves its URL behind: whoever asks there is refused.
    """
    file = settings_file(start)
    settings = _settings(file)
    folder = start if file is None else file.parent
    return _running(folder / _setting(settings, environ, "store", "data", DATA)) or _by_settings(
        settings, environ
    )


@contextmanager
def listening_at(folder: Path, host: str, port: int, *, secure: bool) -> Generator[None]:
    """Whoever looks into the data folder finds the daemon meanwhile."""
    file = folder / ADDRESS
    with suppress(OSError):  # no room: the daemon must come up all the same
        file.write_text(_url(host, str(port), secure=secure) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _running(folder: Path) -> str:
    try:
        with (folder / ADDRESS).open(encoding="utf-8") as stream:
            url = stream.read(LONGEST).strip()
    except (OSError, ValueError):
        return ""
    return url if url.startswith(("http://", "https://")) and len(url.split()) == 1 else ""


def _by_settings(settings: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    def setting(name: str, default: str) -> str:
        return _setting(settings, environ, "server", name, default)

    port = setting("port", PORT)
    secure = bool(setting("tls_cert", "") and setting("tls_key", ""))
    return _url(setting("host", HOST), PORT if port == "0" else port, secure=secure)


def _url(host: str, port: str, *, secure: bool) -> str:
    place = ANY.get(host, host)
    place = f"[{place}]" if ":" in place else place
    return f"{'https' if secure else 'http'}://{place}:{port}"


def _setting(
    settings: Mapping[str, Any], environ: Mapping[str, str], section: str, name: str, default: str
) -> str:
    found = settings.get(section)
    known = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    variable = f"{VARIABLE}{section.upper()}__{name.upper()}"
    return environ.get(variable) or str(known.get(name, default))


def _settings(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
