"""`GET /api/v1/artifacts/{digest}`: files that tasks have kept, piece by piece and in ranges.

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

from triphammer.flows.journal import Kept
from triphammer.service.errors import StoreError
from triphammer.service.web.problems import problem
from triphammer.service.web.reading import Reading

PIECE = 1 << 18
SHOWN = frozenset(
    ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "application/json")
)
"""What a browser may show; everything else it saves."""
_DIGEST = re.compile("[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Files:
    """Serves what the rows of artifacts name, and nothing else."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [Route("/api/v1/artifacts/{digest}", self.serve, methods=["GET"])]

    async def serve(self, request: Request) -> Response:
        """One file, or a range of it. 304 when the client has it, 416 for no range of it."""
        digest = request.path_params["digest"]
        kept = await self._reading.kept(digest) if _DIGEST.fullmatch(digest) else None
        if kept is None:
            return problem(404, f"no task has kept an artifact {digest[:64]!r}")
        headers = headers_of(kept)
        if digest in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            path = await anyio.to_thread.run_sync(self._reading.artifacts.path, digest)
        except StoreError as error:
            return problem(404, str(error))
        wanted = request.headers.get("range", "")
        if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            wanted = ""
        span = range_of(wanted, kept.size)
        if span is None:
            size = f"bytes */{kept.size}"
            return problem(416, f"it has {kept.size} bytes", headers={"Content-Range": size})
        begin, end = span
        status = 200
        if end - begin != kept.size:
            status, headers["Content-Range"] = 206, f"bytes {begin}-{end - 1}/{kept.size}"
        headers["Content-Length"] = str(end - begin)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(_pieces(path, begin, end), status_code=status, headers=headers)


def headers_of(kept: Kept) -> dict[str, str]:
    """What goes with a file: its type, and that it is no page of ours."""
    plain = kept.media_type.partition(";")[0].strip().lower()
    how = "inline" if plain in SHOWN else "attachment"
    return {
        "Content-Type": kept.media_type,
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(kept.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "ETag": f'"{kept.digest}"',
    }


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
