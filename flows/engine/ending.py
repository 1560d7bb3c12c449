"""How a run ends."""

from __future__ import annotations

from triphammer.flows.engine.failures import Failures
from triphammer.flows.engine.part import Part
from triphammer.flows.engine.result import run_result
from triphammer.flows.engine.rows import RUN_TIMEOUT
from triphammer.flows.engine.values import Ending
from triphammer.flows.executors.outcome import describe
from triphammer.flows.journal import ErrorInfo


def ending(part: Part, failures: Failures, now: int, cancelled: ErrorInfo | None = None) -> Ending:
    """The end of a run whose nodes are all settled."""
    failed = failures.names
    if cancelled is not None:
        state = "failed" if cancelled.type == RUN_TIMEOUT else "cancelled"
        return Ending(state, now, error=cancelled, failed_tasks=failed)
    if part.failed:
        return Ending("failed", now, error=failures.first(), failed_tasks=failed)
    try:
        result = run_result(part.plan, part.scope)
    # Seam to user code: what it returns is put together of values with their own methods.
    except Exception as error:  # noqa: BLE001
        info = describe(error, part.scope.secrets.mask)
        text = f"what the flow returns: {info.message}"
        why = ErrorInfo(info.type, text, info.traceback)
        return Ending("failed", now, error=why, failed_tasks=failed)
    return Ending("succeeded", now, result=result, failed_tasks=failed)
