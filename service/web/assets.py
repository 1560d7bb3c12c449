"""The console's files under `/static`: named by their content, so that browsers may keep them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
LENGTH = 16
"""Hexadecimal digits of a content's hash: enough to tell versions of one file apart."""
KEPT = "public, max-age=31536000, immutable"


class Assets:
    """Addresses of the files in `folder`; each is read once."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The address of a file, which changes when its content does."""
        return f"/static/{name}?v={self.version(name)}"

    def version(self, name: str) -> str:
        """The hash of a file's content. Raises `FileNotFoundError`."""
        if name not in self._known:
            self._known[name] = sha256((self._folder / name).read_bytes()).hexdigest()[:LENGTH]
        return self._known[name]


class AssetFiles(StaticFiles):
    """Serves the files. Whoever asks for the content that there is may keep it for good; others
    ask again, as `headers` says."""

    def __init__(self, folder: Path = STATIC) -> None:
        super().__init__(directory=folder)
        self._assets = Assets(folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at `path`."""
        answer = await super().get_response(path, scope)
        asked = QueryParams(scope.get("query_string", b"")).get("v")
        found = answer.status_code in (200, 206, 304)
        if asked and found and asked == self._assets.version(path):
            answer.headers["Cache-Control"] = KEPT
        return answer
