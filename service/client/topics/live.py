"""What is seen as it happens: the stream, logs that go on, the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from triphammer.service.client.following import MISSED, OPENED, TEMPLATE
from triphammer.service.client.news import Kind, News
from triphammer.service.client.scripts import (
    Ask,
    Ending,
    Listen,
    Lost,
    Pause,
    Script,
    Scripted,
    Tell,
    script,
)
from triphammer.service.client.topics.backfills import BackfillCalls
from triphammer.service.client.topics.runs import RunCalls
from triphammer.service.client.words import ENDED

if TYPE_CHECKING:
    from triphammer.service.web import models

LOGS_LATER = 0.3
"""Seconds after the end of a run by which all its lines are stored."""


class LiveCalls:
    """About what happens now. Each goes on, where it was, when the connection breaks; `lost` is
    called with why, and after how many seconds it is tried again."""

    @script(TEMPLATE)
    def stream(
        self,
        *,
        run: str | None = None,
        flow: str | None = None,
        kinds: Sequence[Kind] = (),
        after: str = "",
        opened: bool = False,
        lost: Lost | None = None,
    ) -> Script[News]:
        """What changes, as it changes: all, or of one run (its whole id), one flow, some kinds.
        `after` is the `place` of the last news seen. News of kind "resync" say that some were
        missed; `opened` asks for a first one of kind "opened": what is read after it is followed
        by news of all that changes in it."""
        query = {"run": run, "flow": flow, "kind": list(kinds) or None}
        while True:
            news: News = yield Listen(query, after, lost)
            if opened or news.kind != OPENED:
                yield Tell(news)

    @Ending
    def wait(self, run: str, *, lost: Lost | None = None) -> Script[models.RunInFull]:
        """The run once it has ended; told by the stream, not asked again and again."""
        found: models.RunInFull = yield Ask(RunCalls.run(run))
        while found["state"] not in ENDED:
            yield from _until_news(found["id"], lost, _may_have_ended)
            found = yield Ask(RunCalls.run(found["id"]))
        yield Tell(found)

    @Scripted
    def changes(self, run: str, *, lost: Lost | None = None) -> Script[models.RunInFull]:
        """The run as it is now, and again whenever it has changed, until it has ended."""
        found: models.RunInFull = yield Ask(RunCalls.run(run))
        while True:
            yield Tell(found)
            if found["state"] in ENDED:
                return
            yield from _until_news(found["id"], lost, _is_no_log)
            found = yield Ask(RunCalls.run(found["id"]))

    @script("/api/v1/runs/{id}/logs")
    def logs(
        self,
        run: str,
        *,
        task: str | None = None,
        attempt: int | None = None,
        follow: bool = False,
        lost: Lost | None = None,
    ) -> Script[models.LogLine]:
        """What the tasks of a run have logged and printed; with `follow` on and on, until the run
        has ended."""
        after, ended = 0, not follow
        id: str = (yield Ask(RunCalls.run(run)))["id"]
        while True:
            if not ended:
                yield from _until_news(id, lost, _may_have_logged)
                found: models.RunInFull = yield Ask(RunCalls.run(id))
                ended = found["state"] in ENDED
                if ended:
                    yield Pause(LOGS_LATER)
            page: models.Logs = {"items": [], "next": after}
            while page["next"] is not None:
                page = yield Ask(
                    RunCalls.log_lines(id, task=task, attempt=attempt, after=page["next"])
                )
                for line in page["items"]:
                    after = line["seq"]
                    yield Tell(line)
            if ended:
                return

    @Scripted
    def backfill_changes(
        self, id: str, *, lost: Lost | None = None
    ) -> Script[models.BackfillInFull]:
        """A backfill as it is now, and again whenever it has come on, until it is over."""
        found: models.BackfillInFull = yield Ask(BackfillCalls.backfill(id))
        while True:
            yield Tell(found)
            if found["finished_at"] is not None:
                return
            yield from _until_news(found["id"], lost, _any)
            found = yield Ask(BackfillCalls.backfill(found["id"]))


def _until_news(id: str, lost: Lost | None, wanted: Callable[[News], bool]) -> Script[Any]:
    """Wait until there are news of `id` that may mean what is waited for."""
    while True:
        news: News = yield Listen({"run": id}, "", lost)
        if news.kind in (OPENED, MISSED) or wanted(news):
            return


def _may_have_ended(news: News) -> bool:
    return news.kind == "run" and news.state in ENDED


def _may_have_logged(news: News) -> bool:
    return _may_have_ended(news) or (news.kind == "task" and not news.state)


def _is_no_log(news: News) -> bool:
    return bool(news.state)


def _any(news: News) -> bool:
    return True
