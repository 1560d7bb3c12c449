"""Whether a request was sent by a page of our own: other sites' pages can send some as well."""

from __future__ import annotations

from urllib.parse import urlsplit

from triphammer.sensors.headers import Headers


def is_foreign(headers: Headers, host: str | None) -> bool:
    """Whether a browser says that the request comes from another site's page."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and not _is_ours(origin, host)


def is_ours(headers: Headers, host: str | None) -> bool:
    """Whether a browser says that the request comes from a page of ours: it may not be silent."""
    told = "sec-fetch-site" in headers or "origin" in headers
    return told and not is_foreign(headers, host)


def _is_ours(origin: str, host: str | None) -> bool:
    try:
        return host is not None and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
