"""What a flow waits for without holding anything: time, an event, or somebody's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypedDict, Unpack

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.errors import DurationError, PatternError
from triphammer.flows.awaited import checked, tells_apart
from triphammer.flows.drawing import Drawing, Result, drawing_now
from triphammer.flows.errors import GraphError, ValueMisfit
from triphammer.flows.expr import Expr
from triphammer.flows.forms import form_schema
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle
from triphammer.flows.kinds import is_mapping
from triphammer.flows.options import TriggerRule, apply_options
from triphammer.flows.paths import Item
from triphammer.flows.places import user_place
from triphammer.flows.references import suggest
from triphammer.flows.surround import draw


class WaitOptions(TypedDict, total=False):
    """The keywords of `.options(...)` of a wait: see `TaskOptions`."""

    name: str
    when: Any
    trigger_rule: TriggerRule
    setup: Any
    teardown: Any
    on_success: Any
    on_failure: Any


class Waits:
    """A built-in task that is no attempt: it is over when what it waits for has come."""

    name: str

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def _with(self, given: Mapping[str, Any]) -> Options:
        for name in given:
            if name not in WaitOptions.__annotations__:
                known = suggest(name, WaitOptions.__annotations__)
                refuse(f"{self.name} has no option {name!r}{known}")
        return apply_options(self._options, given, is_async=True)

    def _drawing(self) -> Drawing:
        drawing = drawing_now()
        if drawing is None:
            refuse(f"{self.name}(...) belongs in a flow body: in a task it would hold a place")
        return drawing

    def _draw(self, **arguments: Any) -> Handle:
        spec = TaskSpec(
            name=self.name,
            kind=self.name,
            fn=_none,
            is_async=True,
            hints={},
            where=str(user_place()),
        )
        return draw(self._drawing(), spec, self._options, (), arguments)


class Sleep(Waits):
    """`sleep(...)`: waits for time to pass."""

    name = "sleep"

    def options(self, **options: Unpack[WaitOptions]) -> Sleep:
        """With these options: `sleep.options(name="settle")("5m")`."""
        return Sleep(self._with(options))

    def __call__(self, duration: DurationLike) -> Handle:
        """Be over after `duration`: seconds, a `timedelta`, a text such as "2 days", or a value
        of the run that is one.

        What comes behind it is ordered by `>>`: `sleep("2 days") >> remind(order)`. It holds no
        place of the run and survives restarts. Raises `GraphError`.
        """
        drawing = self._drawing()
        drawing.check([duration])
        if not isinstance(duration, Expr):
            _check_duration(duration, "sleep()")
        return self._draw(duration=duration)


FIELDS = (
    "key",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "received_at",
    "data",
    "headers",
    "extensions",
    "content_type",
)


class Awaited(Handle):
    """The event that was waited for: `paid.data["amount"]` says the same as
    `paid["data"]["amount"]`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return self._after(Item(name)) if name in FIELDS else super().__getattr__(name)


class WaitFor(Waits):
    """`wait_for(...)`: waits for an event."""

    name = "wait_for"

    def options(self, **options: Unpack[WaitOptions]) -> WaitFor:
        """With these options: `wait_for.options(name="payment")({...})`."""
        return WaitFor(self._with(options))

    def __call__(
        self,
        pattern: Mapping[str, Any],
        *,
        since: Literal["run", "start_of_day"] | DurationLike = "run",
        timeout: DurationLike | None = None,
        on_timeout: Literal["fail", "skip"] = "fail",
    ) -> Handle:
        """Be over once an event matches `pattern`; the result is the event.

        The pattern may hold values of the run: `{"data": {"order": [event.data["order"]]}}`.
        Stored events count too: all that came after the run's own event, or `since` the start
        of the day (in the flow's time zone), or in the time before. The first one is taken. It
        waits for ever, or until `timeout`; then it fails (`WaitTimeout`), or with
        `on_timeout="skip"` it is skipped. Raises `GraphError`.
        """
        drawing = self._drawing()
        drawing.check([pattern, since, timeout])
        _check_pattern(pattern)
        if not isinstance(since, Expr) and since not in ("run", "start_of_day"):
            _check_duration(since, "wait_for(since=)")
        _check_timeout(self.name, timeout, on_timeout, ("fail", "skip"))
        drawn = self._draw(
            pattern=dict(pattern),
            since=since,
            timeout=timeout,
            on_timeout=on_timeout,
            by=tells_apart(pattern),
        )
        (node,) = drawn.graph_ends.first
        return Awaited(node, Result(drawing, node), drawn.graph_ends)


class Approve(Waits):
    """`approve(...)`: waits for somebody's yes."""

    name = "approve"

    def options(self, **options: Unpack[WaitOptions]) -> Approve:
        """With these options: `approve.options(name="release")("Release it?")`."""
        return Approve(self._with(options))

    def __call__(
        self,
        title: Any,
        *,
        form: type[Any] | None = None,
        timeout: DurationLike | None = None,
        on_timeout: Literal["reject", "fail"] = "reject",
    ) -> Handle:
        """Ask `title`, and be over once somebody has approved it, over HTTP, by the command line
        or on the console.

        `form` is what they fill in: a pydantic model, a dataclass or a msgspec struct. Of the
        result, `d["by"]` is who approved, `d["form"]` what was filled in. A rejection skips this
        task, and so what stands behind it. It waits for ever, or until `timeout`, which is a
        rejection then, or with `on_timeout="fail"` a failure. Raises `GraphError`.
        """
        self._drawing().check([title, timeout])
        if not isinstance(title, Expr) and (not isinstance(title, str) or not title):
            refuse(f'approve() takes what is asked, approve("Release it?"), not {title!r}')
        _check_timeout(self.name, timeout, on_timeout, ("reject", "fail"))
        return self._draw(
            title=title,
            form=form,
            schema=None if form is None else _schema(form),
            timeout=timeout,
            on_timeout=on_timeout,
        )


def _schema(form: Any) -> Mapping[str, Any]:
    try:
        return form_schema(form)
    except ValueMisfit as error:
        refuse(f"approve(form={form!r}): {error}")


def _check_pattern(pattern: Any) -> None:
    if not is_mapping(pattern):
        refuse(f'wait_for() takes an event pattern, {{"type": ["shop.paid"]}}, not {pattern!r}')
    try:
        checked(pattern)
    except PatternError as error:
        refuse(f"wait_for(): {error}")


def _check_timeout(name: str, timeout: Any, what: Any, allowed: tuple[str, ...]) -> None:
    if timeout is not None and not isinstance(timeout, Expr):
        _check_duration(timeout, f"{name}(timeout=)")
    if what not in allowed:
        choice = " or ".join(map(repr, allowed))
        refuse(f"{name}(on_timeout={what!r}): must be {choice}")


def _check_duration(value: Any, what: str) -> None:
    try:
        seconds(value)
    except DurationError as error:
        refuse(f"{what}: {error}")


def _none() -> None:
    raise AssertionError("a wait is not called")


def refuse(message: str) -> NoReturn:
    """Raise `GraphError` at the user's line."""
    place = user_place()
    raise GraphError(message, place.file, place.line)


sleep = Sleep()
wait_for = WaitFor()
approve = Approve()
