"""Traces as the settings ask for them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec

import msgspec

from triphammer.config.settings import OtelSettings
from triphammer.service.errors import CannotServe
from triphammer.service.observer import Observer
from triphammer.service.tracing.carrying import Carrier, Forwarding
from triphammer.service.tracing.tracer import Tracer

NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class Tracing(msgspec.Struct, frozen=True):
    """Who passes traces on, who is told of what happens, and what became of the spans."""

    carrier: Carrier = Forwarding()
    observers: tuple[Observer, ...] = ()
    counts: Callable[[], Mapping[str, int]] = dict


@asynccontextmanager
async def open_tracing(
    settings: OtelSettings, now: Callable[[], int], log: logging.Logger
) -> AsyncGenerator[Tracing]:
    """Tracing until the context ends, which sends what is left; without an endpoint what came in
    is passed on. Raises `CannotServe` where the extra is missing."""
    if settings.endpoint is None:
        yield Tracing()
        return
    if not all(map(_is_there, NEEDED)):
        raise CannotServe(
            "[otel] endpoint is set, but traces need an extra: pip install 'triphammer[otel]', "
            "or take the endpoint away"
        )
    # What nobody asks for is not imported.
    from triphammer.service.tracing.otlp import Otlp

    otlp = Otlp(settings, log)
    tracer = Tracer(otlp.export, sample=settings.sample, now=now)
    try:
        yield Tracing(tracer, (tracer,), lambda: otlp.counts)
    finally:
        await otlp.close()


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # its parent is not there
        return False
