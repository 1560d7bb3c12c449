"""Runs, their tasks, logs, results and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triphammer.service.client.calls import Given, route
from triphammer.service.client.content import content
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import RunState, When, moment

if TYPE_CHECKING:
    from triphammer.service.web import models


class RunCalls:
    """About runs. Wherever a run is asked for, the beginning of its id will do."""

    @listing("/api/v1/runs")
    def runs(
        self,
        *,
        flow: str | None = None,
        state: RunState | None = None,
        event: str | None = None,
        tag: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Rows[models.Runs, models.Run]:
        """Runs, newest first; `limit` is how many a page has."""
        return Rows(
            query={
                "flow": flow,
                "state": state,
                "event": event,
                "tag": tag,
                "since": moment(since),
                "until": moment(until),
                "limit": limit,
                "cursor": cursor,
            }
        )

    @route("GET", "/api/v1/runs/{id}")
    def run(self, run: str) -> Given[models.RunInFull]:
        """One run with its tasks (maps summarised), waits, messages and graph."""
        return Given(path={"id": run})

    @listing("/api/v1/runs/{id}")
    def tasks(
        self, run: str, *, limit: int = 500, after: str | None = None
    ) -> Rows[models.RunInFull, models.TaskInFull]:
        """Every task of a run, the items of maps too."""
        query = {"tasks": "all", "limit": limit, "after": after}
        return Rows(path={"id": run}, query=query, by="after", under="tasks")

    @listing("/api/v1/runs/{id}/logs")
    def log_lines(
        self,
        run: str,
        *,
        task: str | None = None,
        attempt: int | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Rows[models.Logs, models.LogLine]:
        """What the tasks of a run have logged and printed so far; `after` is the `seq` of the
        last line seen. `logs` can go on until the run has ended."""
        query = {"task": task, "attempt": attempt, "after": after, "limit": limit}
        return Rows(path={"id": run}, query=query, by="after")

    @route("GET", "/api/v1/runs/{id}/tasks/{task}/result")
    def result(self, run: str, task: str) -> Given[models.TaskResult]:
        """What a task has given, by its name, or one item: `enrich[17]`."""
        return Given(path={"id": run, "task": task})

    @route("GET", "/api/v1/runs/{id}/artifacts")
    def artifacts(self, run: str, *, limit: int = 1000) -> Given[models.Artifacts]:
        """The files that the tasks of a run have kept."""
        return Given(path={"id": run}, query={"limit": limit})

    @content("/api/v1/artifacts/{digest}")
    def artifact(self, digest: str) -> Given[bytes]:
        """The content of a file that a task has kept, piece by piece."""
        return Given(path={"digest": digest})

    @listing("/api/v1/runs/{id}/stored")
    def stored_tasks(
        self, run: str, *, limit: int = 500, after: str | None = None
    ) -> Rows[models.StoredTasks, models.StoredTask]:
        """The tasks of a run with their results as they are stored."""
        return Rows(path={"id": run}, query={"limit": limit, "after": after}, by="after")

    @content("/api/v1/runs/{id}/stored/{digest}")
    def stored_content(self, run: str, digest: str) -> Given[bytes]:
        """The content of an artifact that a stored result is or names, piece by piece."""
        return Given(path={"id": run, "digest": digest})

    @route("GET", "/api/v1/messages/{id}")
    def message(self, id: str) -> Given[models.Message]:
        """One outgoing webhook or Kafka message."""
        return Given(path={"id": id})
