"""`wait="delivered"`: a task that has sent messages is done once they have arrived."""

from __future__ import annotations

import msgspec

from triphammer.flows.engine.values import RunStart, Sent
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.identities import id_within, key_of
from triphammer.flows.journal import ErrorInfo, TaskRow

NOT_DELIVERED = "NotDelivered"


class Undelivered:
    """A successful attempt and the ids of its messages that are still on their way."""

    __slots__ = ("_error", "_left", "result")

    def __init__(
        self, result: AttemptResult, left: set[str], error: ErrorInfo | None = None
    ) -> None:
        self.result = result
        self._left = left
        self._error = error

    @classmethod
    def resumed(cls, start: RunStart, row: TaskRow) -> Undelivered:
        """The same after a restart. A message that is not kept any more has arrived."""
        own = _sent_by(start, row)
        dead = [sent for sent in own if sent.state in ("dead", "skipped")]
        result = AttemptResult(
            id=AttemptId(start.id, row.name, row.attempt, start.epoch),
            started_at=row.started_at or 0,
            finished_at=row.finished_at or 0,
            value=row.result,
        )
        left = {sent.id for sent in own if sent.state == "pending"}
        return cls(result, left, _error(dead[0].id, dead[0].error or "") if dead else None)

    def after(self, message: str, error: str | None) -> AttemptResult | None:
        """The outcome now that a message has arrived or is a dead letter; None: not yet."""
        self._left.discard(message)
        if error is not None:
            self._error = _error(message, error)
        return self.outcome()

    def outcome(self) -> AttemptResult | None:
        """The outcome, once it is certain."""
        if self._error is not None:
            return msgspec.structs.replace(self.result, value=None, error=self._error)
        return None if self._left else self.result


def _sent_by(start: RunStart, row: TaskRow) -> list[Sent]:
    """The task's messages, but for those from before an operator had it run again."""
    sent = [one for one in start.sent if one.task == row.name]
    key = key_of(start.id, row.name)
    ids = {id_within(key, row.earlier, "msg", index) for index in range(len(sent))}
    return [one for one in sent if one.id in ids]


def _error(message: str, error: str) -> ErrorInfo:
    return ErrorInfo(NOT_DELIVERED, f"message {message} is a dead letter: {error}")
