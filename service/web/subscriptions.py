"""What a flow listens to, and how its runs share the place, as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim

from triphammer.config.durations import format_duration
from triphammer.config.patterns.wording import in_words
from triphammer.config.source import Predicate, Source
from triphammer.flows.graph import FlowDef

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""cronsim wants a time to begin at; its words do not depend on it."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One source of a flow. `sentence` says what begins a run, `conditions` what must hold of the
    event besides, `notes` what else is worth knowing; `written` is the source as the code has
    it."""

    kind: str
    sentence: str
    conditions: tuple[str, ...]
    notes: tuple[str, ...]
    written: str


def subscriptions(flow: FlowDef, timezone: str) -> list[Subscription]:
    """Each source of `flow` in words. `timezone` is that of timers that name none."""
    return [_subscription(source, flow.timezone or timezone) for source in flow.on]


def _subscription(source: Source, timezone: str) -> Subscription:
    say = SAYING.get(source.kind)
    sentence, notes = _as_written(source) if say is None else say(source, timezone)
    conditions = [] if source.pattern is None else in_words(source.pattern)
    if source.predicate is not None:
        conditions.append(_predicate(source.predicate))
    return Subscription(
        source.kind, sentence, tuple(conditions), tuple(notes), source.text or source.kind
    )


def event_search(flow: FlowDef) -> dict[str, str]:
    """What the first source of `flow` says of the type and source of its events, where each is
    one text; empty: nothing."""
    found: dict[str, str] = {}
    for source in flow.on[:1]:
        for name in ("type", "source"):
            match source.match.get(name):
                case [str(one)]:
                    found[name] = one.replace("{flow}", flow.name) if source.per_flow else one
                case _:
                    pass
    return found


def _predicate(predicate: Predicate) -> str:
    name = getattr(predicate, "__name__", type(predicate).__name__)
    line = getattr(getattr(predicate, "__code__", None), "co_firstlineno", None)
    what = "a lambda" if name == "<lambda>" else f"the function {name}"
    return f"{what} of the flow's code{f' (line {line})' if line else ''} says yes"


Said = tuple[str, Sequence[str]]


def _as_written(source: Source) -> Said:
    return source.text or source.kind, ()


def _timer(source: Source, timezone: str) -> Said:
    schedule: Mapping[str, Any] = source.options["schedule"]
    notes = [MISSED[source.options["missed"]]]
    if source.options["jitter"]:
        notes.append(f"Each comes up to {_duration(source.options['jitter'])} late, by chance.")
    return _schedule(schedule, timezone), notes


def _schedule(schedule: Mapping[str, Any], timezone: str) -> str:
    match schedule["kind"]:
        case "every":
            first = ", the first at once" if schedule["now"] else ""
            return f"Every {_duration(schedule['period'])}{first}"
        case "cron":
            words = CronSim(schedule["expression"], EPOCH).explain()
            return f"{words}, in {schedule['tz'] or timezone}"
        case _:
            return f"Once, at {schedule['time']}"


def _files(source: Source, timezone: str) -> Said:
    options = source.options
    globs = options["globs"]
    named = "Any file" if globs == ["*"] else f"A file {' or '.join(globs)}"
    notes: list[str] = []
    if options["done"]:
        notes.append(f"It moves to {options['done']} once its runs have succeeded.")
    if options["failed"]:
        notes.append(f"It moves to {options['failed']} if one of them fails.")
    whole = _whole(options["ready"], options["settle"])
    return f"{named} in {options['dir']} is new or has changed, {whole}", notes


def _whole(ready: Any, settle: int) -> str:
    if isinstance(ready, Mapping):
        return f"once its marker {ready['done_file']} stands beside it"
    return {
        "stable": f"once it has not changed for {_duration(settle)}",
        "rename": "as soon as it is moved into place",
        "immediate": "as soon as it is seen",
    }[ready]


def _webhook(source: Source, timezone: str) -> Said:
    verify = source.options["verify"]
    if verify is None:
        return f"A request POST /hooks/{source.name}", ["Anybody may send it: it has no verify=."]
    return f"A request POST /hooks/{source.name}, its {SIGNED[verify['scheme']]} checked", []


def _kafka(source: Source, timezone: str) -> Said:
    options = source.options
    topics: Mapping[str, str] = options["topics"]
    group = options["group"]
    words = f"A record in the Kafka topic {' or '.join(topics)}"
    notes = [f"Values are read as {' and '.join(dict.fromkeys(topics.values()))}."]
    if group is not None:
        notes.append(f"Daemons of the group {group} share the records.")
    if options["connection"] != "kafka":
        notes.append(f"From [connections.{options['connection']}].")
    return words, notes


def _events(source: Source, timezone: str) -> Said:
    return f"An event whose {' and '.join(in_words(source.match))}", []


def _finished(source: Source, timezone: str) -> Said:
    match = source.match
    flows: Sequence[str] = match.get("subject", ())
    states: Sequence[str] = match.get("data", {}).get("state", ())
    whose = f"of {' or '.join(flows)}" if flows else "of any flow"
    how = f" {' or '.join(states)}" if states else ""
    return f"A run {whose} has ended{how}", ["Not one that this flow has caused itself."]


def _custom(source: Source, timezone: str) -> Said:
    period = _duration(source.options["every"])
    return f"The sensor {source.name}, asked every {period}, returns an event", []


def _duration(micros: int) -> str:
    return format_duration(timedelta(microseconds=micros))


SAYING: Mapping[str, Callable[[Source, str], Said]] = {
    "timer": _timer,
    "files": _files,
    "webhook": _webhook,
    "kafka": _kafka,
    "events": _events,
    "finished": _finished,
    "custom": _custom,
}
"""By kind of source; one of a plugin is shown as it is written."""
MISSED: Mapping[str, str] = {
    "last": "Of ticks missed while the daemon was down the last is made up for.",
    "all": "Every tick missed while the daemon was down is made up for.",
    "none": "Ticks missed while the daemon was down are left out.",
}
SIGNED: Mapping[str, str] = {
    "standard": "signature (Standard Webhooks)",
    "github": "signature (GitHub)",
    "stripe": "signature (Stripe)",
    "slack": "signature (Slack)",
    "shared": "shared secret",
}


def sharing(flow: FlowDef) -> str:
    """What a run of `flow` does that finds another under way."""
    whose = f" with the same {flow.per}" if flow.per else ""
    words = MODES[flow.mode].format(whose=whose)
    words += f"; at most {flow.max_runs} at once" if flow.max_runs > 1 else ""
    if flow.order_by:
        words += f"; those with the same {flow.order_by} in the order of their events"
    return words


MODES: Mapping[str, str] = {
    "parallel": "Runs go side by side",
    "queue": "A run waits for the one before{whose}",
    "single": "No run begins while another{whose} is under way",
    "restart": "A run takes over from the one under way{whose}",
}
