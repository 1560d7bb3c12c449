"""What is done to runs: cancel, retry, mark, answer, annotate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from triphammer.service.client.calls import Given, route
from triphammer.service.client.words import RunMark, TaskMark

if TYPE_CHECKING:
    from triphammer.service.web import models


class OperatingCalls:
    """About one run. What the run's state forbids is `Refused` with status 409."""

    @route("POST", "/api/v1/runs/{id}/cancel")
    def cancel(self, run: str, *, now: bool = False) -> Given[models.RunInFull]:
        """End a run that is queued or under way; `now`: without its teardowns."""
        return Given(path={"id": run}, json={"now": now})

    @route("POST", "/api/v1/runs/{id}/retry")
    def retry(
        self, run: str, *, since: str | None = None, failed_only: bool = False
    ) -> Given[models.RunInFull]:
        """Let a run that has ended begin again: whole, `since` a task on, or only what failed."""
        return Given(path={"id": run}, json={"from": since, "failed_only": failed_only})

    @route("POST", "/api/v1/runs/{id}/mark")
    def mark(self, run: str, state: RunMark, *, reason: str = "") -> Given[models.RunInFull]:
        """Let a run that has ended count as succeeded or failed."""
        return Given(path={"id": run}, json={"state": state, "reason": reason})

    @route("POST", "/api/v1/runs/{id}/tasks/{task}/mark")
    def mark_task(
        self, run: str, task: str, state: TaskMark, *, result: Any = None, reason: str = ""
    ) -> Given[models.RunInFull]:
        """Let a task, or an item of a map, count as succeeded (giving `result`), failed or
        skipped."""
        body = {"state": state, "reason": reason}
        if result is not None:
            body["result"] = result
        return Given(path={"id": run, "task": task}, json=body)

    @route("POST", "/api/v1/runs/{id}/tasks/{task}/approve")
    def approve(
        self, run: str, task: str, *, form: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Given[models.RunInFull]:
        """Approve what a task asks for, with its form filled in."""
        return Given(path={"id": run, "task": task}, json=_answer(form, reason))

    @route("POST", "/api/v1/runs/{id}/tasks/{task}/reject")
    def reject(
        self, run: str, task: str, *, form: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Given[models.RunInFull]:
        """Reject what a task asks for: it is skipped, and what stands behind it."""
        return Given(path={"id": run, "task": task}, json=_answer(form, reason))

    @route("PATCH", "/api/v1/runs/{id}")
    def annotate(
        self,
        run: str,
        *,
        note: str | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
    ) -> Given[models.RunInFull]:
        """Note something of a run (an empty text is no note), tag it, or take tags away."""
        body = {"note": note, "add_tags": list(add_tags), "remove_tags": list(remove_tags)}
        return Given(path={"id": run}, json=body)


def _answer(form: Mapping[str, Any] | None, reason: str) -> dict[str, Any]:
    return {"form": None if form is None else dict(form), "reason": reason}
