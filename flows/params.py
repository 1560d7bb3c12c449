"""Values for the parameters of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.flow import Flow
from triphammer.flows.graph import Param


def described(flow: Flow[..., Any]) -> Mapping[str, Param]:
    """The flow's parameters with their JSON schemas. Raises `GraphError`."""
    return {n: msgspec.structs.replace(p, schema={}) for n, p in flow.params.items()}
