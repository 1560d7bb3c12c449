"""From a flow object to the immutable value that the dispatcher and the engine use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from triphammer.config.errors import PatternError
from triphammer.config.patterns import compile_pattern
from triphammer.config.source import Source
from triphammer.flows.errors import GraphError
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.params import described

RUNS_PER_FLOW = 16
VERSION_LENGTH = 16


def version_of(sources: Mapping[str, str]) -> str:
    """The hash of the sources by path: equal sources are the same version."""
    digest = hashlib.sha256()
    for path in sorted(sources):
        for part in (path, sources[path]):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:VERSION_LENGTH]


def define(
    flow: Flow[..., Any],
    *,
    file: str,
    sources: Mapping[str, str],
    version: str,
    root: Path,
    runs_per_flow: int = RUNS_PER_FLOW,
    lease: object = None,
) -> FlowDef:
    """Draw the flow and check it whole. Raises `GraphError`."""
    _check_patterns(flow)
    graph, params, fill = flow.graph, described(flow), flow.fill
    missing = [p.name for p in params.values() if p.required and p.name not in fill]
    if flow.on and missing:
        names = ", ".join(missing)
        message = (
            f"{flow.name}: nothing gives {names} a value when an event starts it: give a default, "
            f'or fill it from the event: @flow(params={{"{missing[0]}": event.data["..."]}})'
        )
        raise GraphError(message, flow.place.file, flow.place.line)
    return FlowDef(
        name=flow.name,
        version=version,
        graph=graph,
        on=tuple(_in_zone(source, flow.timezone) for source in flow.on),
        params=params,
        fill=fill,
        mode=flow.mode,
        max_runs=flow.max_runs or (runs_per_flow if _many(flow) else 1),
        timezone=flow.timezone,
        order_by=flow.order_by,
        per=flow.per,
        timeout=flow.timeout,
        deadline=flow.deadline,
        notify=flow.notify,
        file=file,
        line=flow.place.line,
        sources=sources,
        event_type=flow.event_type.data,
        doc=(flow.fn.__doc__ or "").strip(),
        root=str(root),
        module=flow.module,
        lease=lease,
    )


def _in_zone(source: Source, timezone: str | None) -> Source:
    """A timer without a zone of its own has that of its flow."""
    if timezone is None or source.kind != "timer":
        return source
    return replace(source, options={**source.options, "timezone": timezone})


def _many(flow: Flow[..., Any]) -> bool:
    """Whether several runs may be under way at once."""
    return flow.mode == "parallel" or flow.per is not None


def _check_patterns(flow: Flow[..., Any]) -> None:
    for source in flow.on:
        if source.pattern is None:
            continue
        try:
            compile_pattern(source.pattern)
        except PatternError as error:
            message = f"{flow.name}: .where(...): {error}"
            raise GraphError(message, flow.place.file, flow.place.line) from error


def definition_of(flow: Flow[..., Any]) -> FlowDef:
    """The definition of a flow that was imported as usual (tests, `flow.run()`).

    Its version is the hash of its file alone. Raises `GraphError`.
    """
    path = Path(flow.place.file)
    try:
        sources = {path.name: path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError):  # typed into an interpreter
        sources = {path.name: ""}
    return define(
        flow, file=path.name, sources=sources, version=version_of(sources), root=path.parent
    )
