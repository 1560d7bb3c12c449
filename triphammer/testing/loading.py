"""Loads a flow file for a test without making it importable."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from triphammer.flows.flow import Flow


def load_flow(file: Path | str, name: str | None = None) -> Flow[..., Any]:
    """The flow of this name in `file`, or its only one. Raises LookupError."""
    path = Path(file).resolve()
    spec = spec_from_file_location(f"_tested_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise LookupError(f"{path} is no Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    flows: dict[str, Flow[..., Any]] = {
        value.name: value for value in vars(module).values() if isinstance(value, Flow)
    }
    if name is None and len(flows) == 1:
        return next(iter(flows.values()))
    if name not in flows:
        raise LookupError(f"{path} has the flows {sorted(flows)}; name one of them")
    return flows[name]
