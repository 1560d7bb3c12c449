"""Files that tasks have kept, as a page shows them: images, tables, text, and frames for what
could do something.

Markdown, HTML and SVG of users are shown in a frame that is sandboxed twice: by the element, and by
the policy of the answer itself, for whoever opens its address. Neither lets scripts run: a page
that is let to run scripts, in an origin of nobody's, could still look like ours and ask for a
token. Whoever wants the scripts of a report saves it and opens it as a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from triphammer.service.errors import NotFound, StoreError
from triphammer.service.web import models
from triphammer.service.web.files import is_digest
from triphammer.service.web.markdown import html_of
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.shown import Mask, Table, csv_table

Kind = Literal["image", "frame", "table", "text", "none"]
IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
MARKDOWN = "text/markdown"
FRAMES = frozenset(("text/html", MARKDOWN, "image/svg+xml"))
TABLES = {"text/csv": ",", "text/tab-separated-values": "\t"}
TEXTS = frozenset(
    ("application/json", "application/x-ndjson", "application/yaml", "application/xml")
)
HEAD = 64_000
"""Bytes of a file that are looked at for its first rows or lines."""
SHOWN = 4_000
"""Characters of a text that are shown."""
MOST_FRAME = 4_000_000
"""Bytes of a file that is shown in a frame."""
MOST_MARKDOWN = 400_000
"""The same of Markdown: to read that much takes a second and more."""
POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "Cache-Control": "private, no-cache",
}
STYLE = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>
html { background: Canvas; color: CanvasText; }
body { font: 15px/1.55 system-ui, sans-serif; margin: 1rem 1.25rem; max-width: 75ch; }
table { border-collapse: collapse; } td, th { border: 1px solid #8886; padding: .25em .6em; }
pre { overflow: auto; padding: .7em 1em; background: #8882; border-radius: 6px; }
code { font-family: ui-monospace, monospace; font-size: .92em; } img { max-width: 100%; }
blockquote { border-left: 3px solid #8888; margin-left: 0; padding-left: 1em; }
</style>
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """A file and how it is shown: `table` or `text` is its beginning, `frame` where it is shown."""

    file: models.Artifact
    kind: Kind
    table: Table | None = None
    text: str = ""
    cut: bool = False

    @property
    def frame(self) -> str:
        """The address of what a frame shows."""
        return f"/artifacts/{self.file['digest']}/view"


async def previews(
    reading: Reading, files: Sequence[models.Artifact], mask: Mask
) -> Sequence[Preview]:
    """How each of `files` is shown; what has no form is told by its name and size."""
    return [await _preview(reading, file, mask) for file in files]


async def _preview(reading: Reading, file: models.Artifact, mask: Mask) -> Preview:
    plain, size = media_type_of(file["media_type"]), file["size"]
    if plain in IMAGES:
        return Preview(file, "image")
    if plain in FRAMES:
        return Preview(file, "frame" if size <= _most(plain) else "none")
    if plain not in TABLES and plain not in TEXTS and not plain.startswith("text/"):
        return Preview(file, "none")
    text = await _head(reading, file["digest"], HEAD)
    if text is None:
        return Preview(file, "none")
    text = mask(text)
    if plain in TABLES:
        table = csv_table(text, whole=size <= HEAD, delimiter=TABLES[plain])
        return Preview(file, "table", table=table, cut=table.more)
    return Preview(file, "text", text=text[:SHOWN], cut=size > SHOWN)


def _most(plain: str) -> int:
    return MOST_MARKDOWN if plain == MARKDOWN else MOST_FRAME


def media_type_of(text: str) -> str:
    """A media type without what is said further of it."""
    return text.partition(";")[0].strip().lower()


async def _head(reading: Reading, digest: str, most: int) -> str | None:
    """The beginning of a file as text; None when it is gone, or no text."""

    def read() -> bytes:
        with Path(reading.artifacts.path(digest)).open("rb") as file:
            return file.read(most)

    try:
        content = await anyio.to_thread.run_sync(read)
    except (StoreError, OSError):
        return None
    return None if b"\x00" in content else content.decode("utf-8", "replace")


class SandboxedFiles:
    """`/artifacts/{digest}/view`: what frames show."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/artifacts/{digest}/view", self.view)]

    async def view(self, request: Request) -> Response:
        """A file of Markdown, HTML or SVG as a document that can do nothing."""
        digest = request.path_params["digest"]
        kept = await self._reading.kept(digest) if is_digest(digest) else None
        plain = "" if kept is None else media_type_of(kept.media_type)
        if kept is None or plain not in FRAMES or kept.size > _most(plain):
            return self._pages.missing(NotFound(f"no artifact {digest[:64]!r} is shown in a frame"))
        text = await _head(self._reading, digest, MOST_FRAME)
        if text is None:
            return self._pages.missing(NotFound(f"artifact {digest} is missing, or is no text"))
        text = self._pages.mask(text)  # before a secret is written as HTML, and not known again
        if plain == MARKDOWN:
            text = STYLE + await anyio.to_thread.run_sync(html_of, text)
        return HTMLResponse(text, headers=HEADERS)
