"""`run --debug`: the terminal belongs to whoever looks."""

from __future__ import annotations

import logging
import pdb  # noqa: T100 - what it is for
import traceback
from collections.abc import Mapping
from types import TracebackType

import msgspec
import typer

from triphammer.flows.executors.contract import Executor, ExecutorContext
from triphammer.flows.executors.debugging import DebugExecutor
from triphammer.flows.executors.registry import executor_names
from triphammer.flows.graph import FlowDef


def debug_executors(context: ExecutorContext) -> Mapping[str, Executor]:
    """One executor in the place of all."""
    return dict.fromkeys(executor_names(), DebugExecutor(context.now, _look))


def untimed(flow: FlowDef) -> FlowDef:
    """The flow without limits of time: looking takes as long as it takes."""
    return msgspec.structs.replace(flow, timeout=None, deadline=None)


def log_to_terminal() -> None:
    """Show what tasks log as it comes."""
    logging.basicConfig(level=logging.INFO, format="  %(levelname)s: %(message)s")


def _look(error: BaseException, frames: TracebackType) -> None:
    typer.echo("".join(traceback.format_exception(type(error), error, frames)), err=True)
    typer.echo("post-mortem: `q` goes on with the run, `w` shows where you are", err=True)
    pdb.post_mortem(frames)
