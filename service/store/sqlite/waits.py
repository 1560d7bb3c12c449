"""What runs wait for, within the writer's open transaction.

An event is matched in the transaction that stores it, and a wait notes in the transaction that
stores it how far there are events: between looking back and waiting nothing is lost, and
nothing is found twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from triphammer.flows.journal import Wait, WaitAnswer
from triphammer.sensors.event import Event
from triphammer.service.store.awaited import event_answer, keys_for, keys_of, matches, only_type
from triphammer.service.store.contract import Outcome
from triphammer.service.store.sqlite.operators import Operators
from triphammer.service.store.sqlite.rows import packed
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.waits import AnswerWait, LookedBack, WakeDue, Woken

Raw = sqlite3.Connection
EVENT = "wait_for"
TIME = WaitAnswer("time")
_wait = msgspec.msgpack.Decoder(Wait).decode
_answer = msgspec.msgpack.Decoder(WaitAnswer).decode
_json = msgspec.json.Encoder().encode


class Waits:
    """Knows the statements. `woken` are the answers given since it was last taken.

    While nobody waits for events, which is known after one look, an event costs nothing.
    """

    def __init__(self) -> None:
        self._nobody = False
        self._sql = statements("waits.sql")
        self._operators = Operators()
        self.woken: list[Woken] = []

    def take_woken(self) -> Sequence[Woken]:
        """What has been answered since it was taken last."""
        woken, self.woken = self.woken, []
        return woken

    def undone(self) -> None:
        """What was done since it was last taken was rolled back."""
        self.woken, self._nobody = [], False

    def begin(self, raw: Raw, run: int, event: str, waits: Sequence[Wait], at: int) -> None:
        """A run of this number and event begins to wait."""
        for wait in waits:
            first, upto = self._to_look_at(raw, event, wait) if wait.kind == EVENT else (None, None)
            values = (run, wait.task, wait.kind, at, wait.due_at, packed(wait), first, upto)
            (seq,) = raw.execute(self._sql["add_wait"], values).fetchone()
            self._nobody = False
            for path, value in keys_of(wait) if wait.kind == EVENT else ():
                raw.execute(self._sql["add_wait_key"], (path, value, seq))

    def end(self, raw: Raw, run: int, tasks: Sequence[str]) -> None:
        """These waits of a run are over."""
        for task in tasks:
            raw.execute(self._sql["drop_wait"], (run, task))

    def _to_look_at(self, raw: Raw, event: str, wait: Wait) -> tuple[int | None, int | None]:
        """From which to which number earlier events are to be looked at; None: there are none."""
        (upto,) = raw.execute(self._sql["newest_event"]).fetchone()
        if wait.since is None:
            found = raw.execute(self._sql["event_number"], (event,)).fetchone()
            first = upto + 1 if found is None else found[0] + 1
        else:
            found = raw.execute(self._sql["first_since"], (wait.since,)).fetchone()
            first = upto + 1 if found is None else found[0]
        type = only_type(wait)
        if first <= upto and type is not None:
            span = (type, first, upto)
            if raw.execute(self._sql["typed_event_between"], span).fetchone() is None:
                return None, None
        return (first, upto) if first <= upto else (None, None)

    def arrive(self, raw: Raw, events: Sequence[Event]) -> None:
        """Events were stored: answer the waits for them, each event in its turn."""
        if not events or self._nobody:
            return
        paths = [path for (path,) in raw.execute(self._sql["wait_paths"])]
        if not paths:
            self._nobody = True
            return
        for event in events:
            keys = keys_for(event, paths)
            if keys:
                self._match(raw, event, keys)

    def _match(self, raw: Raw, event: Event, keys: Sequence[tuple[str, str]]) -> None:
        answer: WaitAnswer | None = None
        found = raw.execute(self._sql["waits_of_keys"], (_json(keys).decode(),)).fetchall()
        for seq, run, flow, task, wanted, looked, own in found:
            if own == event.key or not matches(_wait(wanted), event):
                continue
            answer = answer or event_answer(event)
            raw.execute(self._sql["put_answer"], (seq, packed(answer)))
            if looked:
                self.woken.append(Woken(run, flow, task, answer))

    def answer(self, raw: Raw, unit: AnswerWait) -> Outcome:
        """Whether it was open; it is answered now."""
        operation = unit.operation
        if operation is not None and self._operators.is_known(raw, operation):
            return False
        values = (unit.run, unit.task, unit.kind, packed(unit.answer))
        found = raw.execute(self._sql["answer_open"], values).fetchone()
        if found is None:
            return False
        if operation is not None:
            self._operators.note(raw, operation)
        self.woken.append(Woken(unit.run, found[0], unit.task, unit.answer))
        return True

    def looked(self, raw: Raw, unit: LookedBack) -> Outcome:
        """Whether the wait had still to look at earlier events."""
        found = raw.execute(self._sql["wait_looked"], (unit.wait, packed(unit.answer))).fetchone()
        if found is None:
            return False
        run, flow, task, answer = found
        if answer is not None:
            self.woken.append(Woken(run, flow, task, _answer(answer)))
        return True

    def due(self, raw: Raw, unit: WakeDue) -> Outcome:
        """How many waits whose time is over were answered."""
        values = (unit.at, packed(TIME), unit.limit)
        found = raw.execute(self._sql["answer_due"], values).fetchall()
        self.woken += [Woken(run, flow, task, TIME) for run, flow, task in found]
        return len(found)
