"""Contents of artifacts, piece by piece and in ranges: `GET /api/v1/artifacts/{digest}`, files
that tasks have kept, and `GET /api/v1/runs/{id}/stored/{digest}`, results as they are stored.

They are the users', or come from who knows where: whatever they are, no browser runs them as a
page of ours.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from triphammer.service.errors import StoreError, UnknownRun
from triphammer.service.web.problems import problem
from triphammer.service.web.reading import Reading

PIECE = 1 << 18
SHOWN = frozenset(
    ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "application/json")
)
"""What a browser may show; everything else it saves."""
BYTES = "application/octet-stream"
_DIGEST = re.compile("[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Files:
    """Serves what the rows of artifacts name, and nothing else."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/api/v1/artifacts/{digest}", self.kept, methods=["GET"]),
            Route("/api/v1/runs/{id}/stored/{digest}", self.stored, methods=["GET"]),
        ]

    async def kept(self, request: Request) -> Response:
        """A file that a task has kept, of the type that it was kept as."""
        digest = request.path_params["digest"]
        kept = await self._reading.kept(digest) if _DIGEST.fullmatch(digest) else None
        if kept is None:
            return problem(404, f"no task has kept an artifact {digest[:64]!r}")
        return await self._file(request, digest, headers_of(digest, kept.name, kept.media_type))

    async def stored(self, request: Request) -> Response:
        """What a stored result is, or names: bytes, whatever they mean."""
        await self._reading.full_id(request.path_params["id"], UnknownRun)
        digest = request.path_params["digest"]
        if not _DIGEST.fullmatch(digest) or not await self._reading.is_stored(digest):
            return problem(404, f"no task has a result with the artifact {digest[:64]!r}")
        return await self._file(request, digest, headers_of(digest, digest, BYTES))

    async def _file(self, request: Request, digest: str, headers: dict[str, str]) -> Response:
        """The file. 304 when the client has it, 404 when it is gone."""
        if digest in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            path = await anyio.to_thread.run_sync(self._reading.artifacts.path, digest)
            size = (await anyio.Path(path).stat()).st_size
        except (StoreError, FileNotFoundError):
            return problem(404, f"artifact {digest} is missing")
        return _ranged(request, path, size, headers)


def _ranged(request: Request, path: Path, size: int, headers: dict[str, str]) -> Response:
    """A file, or the range of it that is asked for; 416 where it has none such."""
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = ""
    span = range_of(wanted, size)
    if span is None:
        return problem(416, f"it has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    begin, end = span
    status = 200
    if end - begin != size:
        status, headers["Content-Range"] = 206, f"bytes {begin}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - begin)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_pieces(path, begin, end), status_code=status, headers=headers)


def headers_of(digest: str, name: str, media_type: str) -> dict[str, str]:
    """What goes with a file: its type, and that it is no page of ours."""
    plain = media_type.partition(";")[0].strip().lower()
    how = "inline" if plain in SHOWN else "attachment"
    return {
        "Content-Type": media_type,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "ETag": f'"{digest}"',
    }


def is_digest(text: str) -> bool:
    """Whether `text` may name an artifact."""
    return _DIGEST.fullmatch(text) is not None


def range_of(wanted: str, size: int) -> tuple[int, int] | None:
    """Begin and end (exclusive) of what a `Range` asks for; None for what there is not.

    All of it without one, and for units and lists of ranges that we do not know.
    """
    found = _RANGE.fullmatch(wanted.replace(" ", ""))
    if found is None or not any(found.groups()):
        return 0, size
    first, last = found.groups()
    if not first:
        begin, end = max(size - int(last), 0), size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < begin:  # no range at all
            return 0, size
    return (begin, end) if begin < end else None


async def _pieces(path: Path, begin: int, end: int) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(begin)
        while begin < end and (piece := await file.read(min(PIECE, end - begin))):
            begin += len(piece)
            yield piece
