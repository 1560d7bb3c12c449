"""Where the daemon of the working directory's project listens.

Read without the settings' own code, which would double the time of a command.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from triphammer.config.root import settings_file

HOST, PORT = "127.0.0.1", "8420"
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
VARIABLE = "TRIPHAMMER_SERVER__"


def project_url(start: Path, environ: Mapping[str, str]) -> str:
    """The URL by `[server]` of the project of `start` and by variables; what is wrong there is
    for those commands to say that read all settings."""
    server = _server(settings_file(start))

    def setting(name: str, default: str) -> str:
        return environ.get(f"{VARIABLE}{name.upper()}") or str(server.get(name, default))

    host = ANY.get(setting("host", HOST), setting("host", HOST))
    port = setting("port", PORT)
    secure = setting("tls_cert", "") and setting("tls_key", "")
    place = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{place}:{PORT if port == '0' else port}"


def _server(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("server")
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
