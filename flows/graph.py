"""The drawn graph of a flow: immutable nodes in topological order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from triphammer.config.source import Source
from triphammer.flows.breaker import Breaker
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.expr import Expr
from triphammer.flows.resource import Resource

IN_ENV = "process"
"""The executor of tasks with an environment of their own."""
Role = Literal["", "setup", "teardown", "handler"]


class Backoff(msgspec.Struct, frozen=True):
    """Waits between attempts. Defaults: SURFACE section 3 (1 s, factor 2, cap 5 min, full
    jitter). `kind`: "exponential", "linear" or "constant". Seconds."""

    kind: str = "exponential"
    first: float = 1.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: bool = True


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a node runs; the keywords of `@task(...)` and `.options(...)`, normalised.

    `rate` is attempts per second. `retry_on` and `never_retry` name types of errors.
    `retries` counts attempts after the first. `timeout` seconds. `env`: the environment that the
    body runs in; None: the daemon's.
    `by_name`: each item of the map is a mapping of arguments (`map_kwargs`).
    What is to be drawn around the node (`setup`, ... `on_failure`) is not kept by it.
    """

    name: str | None = None
    retries: int = 0
    backoff: Backoff = Backoff()
    timeout: float | None = None
    when: Expr | None = None
    trigger_rule: str = "all_success"
    executor: str | None = None
    env: EnvSpec | None = None
    at_most_once: bool = False
    max_parallel: int = 100
    rate: float | None = None
    errors: str = "fail"
    pool: str | None = None
    slots: int = 1
    priority: int = 0
    retry_on: tuple[str, ...] = ()
    never_retry: tuple[str, ...] = ()
    breaker: Breaker | None = None
    cache: float | None = None
    cache_key: Callable[..., Any] | None = None
    cross: bool = False
    by_name: bool = False
    wait: str | None = None
    setup: tuple[Any, ...] = ()
    teardown: tuple[Any, ...] = ()
    on_success: tuple[Any, ...] = ()
    on_failure: tuple[Any, ...] = ()


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a node calls. `kind`: "task" (the user's `fn`), "publish", "webhook", "start",
    "branch", "first_of", "body" (a graph of its own), or a wait, of which nothing is
    called: "sleep", "wait_for", "approve".

    `hints` are the resolved annotations of the parameters and "return". `is_async` says that
    `fn` is a coroutine function. `where` is `file:line` of the definition. `uses` are the
    resources that parameters are given where the call gives nothing.
    """

    name: str
    kind: str
    fn: Callable[..., Any]
    is_async: bool
    hints: Mapping[str, Any]
    where: str
    uses: Mapping[str, Resource[Any]] = {}


class Loop(msgspec.Struct, frozen=True, kw_only=True):
    """How the turns of a node go on: until `until` holds of the last result, at most `most`
    times (None: without limit). `on_max`: "fail", or "last" to take what there is by then.
    `takes`: each turn is given the last result."""

    until: Expr | None = None
    most: int | None = None
    on_max: str = "fail"
    takes: bool = True


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One task or map of a graph.

    `args` and `kwargs` are templates: plain values with `Expr`s inside, resolved against a
    `Scope` when an attempt starts. For a map, `args` are the mapped collections and
    `kwargs` the fixed arguments of `.partial`. `upstream` are all nodes it must wait for
    (data, `when=` and `>>`), `data` those of them whose values it takes.

    `setups` must have succeeded, whatever the node's rule. `undoes` are a teardown's own setups
    (None: those among its upstreams). `role` is "setup", "teardown" or
    "handler"; the latter two say nothing about how the run ends. `groups` are the groups and
    sub-flows that it is in, outermost first, by their whole names.

    A node with a `loop` runs turn after turn; its `args` are the first one's. With a `body` it
    runs these nodes for each item or turn instead of `spec`.
    """

    name: str
    spec: TaskSpec
    options: Options
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    mapped: bool = False
    upstream: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    setups: tuple[str, ...] = ()
    undoes: tuple[str, ...] | None = None
    role: Role = ""
    groups: tuple[str, ...] = ()
    where: str = ""
    loop: Loop | None = None
    body: Graph | None = None

    @property
    def above(self) -> tuple[str, ...]:
        """All nodes that must have ended before it begins."""
        return tuple(dict.fromkeys((*self.setups, *self.upstream)))

    @property
    def decides(self) -> bool:
        """Whether how the run ends may depend on it."""
        return self.role not in ("teardown", "handler")


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes by name, each after its upstreams; `result` is the template of `return`."""

    nodes: Mapping[str, Node]
    result: Any = None

    def every(self) -> Iterator[Node]:
        """All nodes, those inside a node right behind it."""
        for node in self.nodes.values():
            yield node
            if node.body is not None:
                yield from node.body.every()

    def templates(self) -> Iterator[Any]:
        """Everything that may hold expressions."""
        for node in self.every():
            yield [node.args, dict(node.kwargs), node.options.when]
            yield None if node.loop is None else node.loop.until
            yield None if node.body is None else node.body.result
        yield self.result


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a flow; `schema` is its JSON schema. `required`: it has no default."""

    name: str
    annotation: Any
    default: Any = None
    required: bool = False
    schema: Mapping[str, Any] = {}


class FlowDef(msgspec.Struct, frozen=True, kw_only=True):
    """A flow at one version: what the dispatcher subscribes and the engine runs.

    `fill` maps parameters to templates over the event (`params=` of `@flow`). `event_type`
    is the `Order` of `event: Event[Order]`, None: none. `takes_event`: the body names event.
    `notify` are the channels that hear of its failures; None: those of the settings.
    `root` is the folder that `sources` are below, `module` the name of the flow file's module.
    While anybody holds `lease`, tasks can import modules of this version.
    """

    name: str
    version: str
    graph: Graph
    on: tuple[Source, ...]
    params: Mapping[str, Param]
    fill: Mapping[str, Any]
    mode: str
    max_runs: int
    timezone: str | None
    file: str
    line: int
    sources: Mapping[str, str]
    event_type: Any = None
    order_by: str | None = None
    per: str | None = None
    timeout: float | None = None
    deadline: float | None = None
    notify: tuple[Any, ...] | None = None
    doc: str = ""
    root: str = ""
    module: str = ""
    lease: object = None
