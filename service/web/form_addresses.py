"""The addresses of forms are no pages: whoever opens one is led to the page that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, compile_path

from triphammer.sensors.headers import Headers
from triphammer.service.access.routes import SAFE
from triphammer.service.web.faults import wants_page
from triphammer.service.web.problems import on_http_error


class FormAddresses:
    """Knows the pages among `routes`; the page of a form is the nearest above its address."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._pages = [
            compile_path(route.path)[0]
            for route in routes
            if isinstance(route, Route) and "GET" in (route.methods or ())
        ]

    async def on_http_error(self, request: Request, error: Exception) -> Response:
        """Exception handler: a reader who opens the address of a form comes to its page, as
        after a reload or by a link that was shared; all else is a problem."""
        assert isinstance(error, HTTPException)
        reads = request.method in SAFE and wants_page(
            request.scope, Headers.of_asgi(request.scope["headers"])
        )
        if reads and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return RedirectResponse(quote(self._above(request.scope["path"])), 303)
        return await on_http_error(request, error)

    def _above(self, path: str) -> str:
        while path := path.rpartition("/")[0]:
            if any(page.match(path) for page in self._pages):
                return path
        return "/"
