"""Whether a form was sent by a page of our own: other sites' pages can post to us as well."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request


def is_foreign(request: Request) -> bool:
    """Whether a browser says that the request comes from another site's page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
