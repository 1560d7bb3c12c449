"""The web application behind the doors: API, stream, probes and console."""

from __future__ import annotations

import logging

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.config.errors import TriphammerError
from triphammer.service.access.protection import Protection
from triphammer.service.access.tokens import Tokens
from triphammer.service.backfills.backfills import Backfills
from triphammer.service.deadletters import DeadLetters
from triphammer.service.flow_state import FlowStateEditor
from triphammer.service.operations import Operations
from triphammer.service.reloads.asking import Reloads
from triphammer.service.versions import Versions
from triphammer.service.web.api import api
from triphammer.service.web.audit import audit_api
from triphammer.service.web.backfills import backfills_api
from triphammer.service.web.console.console import Console
from triphammer.service.web.deadletters import deadletters_api
from triphammer.service.web.docs import Docs
from triphammer.service.web.files import Files
from triphammer.service.web.flow_state import flow_state_api
from triphammer.service.web.form_addresses import FormAddresses
from triphammer.service.web.looking import looking_api
from triphammer.service.web.openapi import Application
from triphammer.service.web.operating import operating_api
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages
from triphammer.service.web.probes import Probes
from triphammer.service.web.problems import on_triphammer_error, problem
from triphammer.service.web.reading import Reading
from triphammer.service.web.sensors import sensors_api
from triphammer.service.web.signin import SignIn
from triphammer.service.web.stream import Streams
from triphammer.service.web.tokens import tokens_api
from triphammer.service.web.versions import versions_api

log = logging.getLogger("triphammer.web")


def build_app(
    *,
    operations: Operations,
    reading: Reading,
    overview: Overview,
    deadletters: DeadLetters,
    flow_state: FlowStateEditor,
    backfills: Backfills,
    versions: Versions,
    reloads: Reloads | None,
    console: Console,
    signin: SignIn,
    pages: Pages,
    probes: Probes,
    streams: Streams,
    tokens: Tokens,
    protection: Protection,
    version: str,
) -> Application:
    """The application; every handler gets its parts here, none looks anything up."""
    app = Application(
        protection=protection,
        title="triphammer",
        version=version,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_own_name,
    )
    app.router.routes[:0] = probes.routes()
    app.router.routes.extend(Files(reading).routes())
    app.router.routes.append(Route("/api/v1/stream", streams, methods=["GET"]))
    app.include_router(looking_api(overview))
    app.include_router(api(operations, reading))
    app.include_router(backfills_api(backfills, reading))
    app.include_router(operating_api(operations, reading))
    app.include_router(sensors_api(operations, overview))
    app.include_router(deadletters_api(deadletters))
    app.include_router(flow_state_api(flow_state))
    app.include_router(tokens_api(tokens))
    app.include_router(audit_api(reading))
    app.include_router(versions_api(versions, reloads))
    readable = [*console.routes(), *signin.routes()]
    app.router.routes.extend(readable)
    app.router.routes.append(Route("/docs", Docs(app.openapi, pages).page))
    app.add_exception_handler(TriphammerError, on_triphammer_error)
    app.add_exception_handler(HTTPException, FormAddresses(readable).on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, on_defect)
    return app


def _own_name(route: APIRoute) -> str:
    return route.name


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['where']}: {item['problem']}" for item in found)
    return problem(422, detail, errors=found)


async def on_defect(request: Request, error: Exception) -> Response:
    """Exception handler for what should not happen: the log gets the traceback."""
    log.error("request %s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "a defect of triphammer: its log has the traceback")
