"""Messages and runs that flows ask for: nodes in a body, part of the commit in a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from tests.flows.support import FIRST_LINE, KnownScope, an_event, load_error, load_text
from triphammer.config.secrets import Secrets
from triphammer.flows.context import TaskContext, enter_context
from triphammer.flows.errors import FlowError, NotInTask, ValueMisfit
from triphammer.flows.expr import resolve
from triphammer.flows.flow import flow
from triphammer.flows.graph import Node
from triphammer.flows.journal import OutMessage
from triphammer.flows.outgoing import publish, send_webhook, start
from triphammer.flows.references import connection, secret
from triphammer.flows.workdir import RunFolder


def task_context(tmp_path: Path, attempt: int = 1, task: str = "load") -> TaskContext:
    return TaskContext(
        run="run_1",
        flow="sample",
        task=task,
        attempt=attempt,
        event=an_event(),
        params={},
        folder=RunFolder(tmp_path, "run_1", used=False),
        state=lambda flow: {},
        secrets=Secrets(values={"URL": "https://x.test/hook", "KEY": "whsec_abc"}),
    )


@pytest.fixture
def context(tmp_path: Path) -> Iterator[TaskContext]:
    made = task_context(tmp_path)
    enter_context(made)
    yield made
    enter_context(None)


def only(context: TaskContext) -> OutMessage:
    assert len(context.outgoing) == 1
    return context.outgoing[0]


def test_publish_joins_the_attempt(context: TaskContext) -> None:
    identity: Any = publish("t", {"a": [1]}, key=7, headers={"h": 1}, connection="other")
    message = only(context)
    assert message == OutMessage(
        id=identity,
        kind="kafka",
        target="t",
        body=b'{"a":[1]}',
        key="7",
        headers={"h": "1"},
        connection="other",
    )


@pytest.mark.parametrize(
    ("value", "body", "content_type"),
    [
        (None, None, "application/json"),
        (b"\x00", b"\x00", "application/octet-stream"),
        (bytearray(b"x"), b"x", "application/octet-stream"),
        ("x", b'"x"', "application/json"),
        (Path("p"), b'"p"', "application/json"),
    ],
)
def test_the_body_of_a_message(
    context: TaskContext, value: Any, body: bytes | None, content_type: str
) -> None:
    publish("t", value)
    assert (only(context).body, only(context).content_type) == (body, content_type)


def test_a_webhook_keeps_references_to_secrets_only(context: TaskContext) -> None:
    send_webhook(
        secret("URL"), {"a": 1}, secret=secret("KEY"), headers={"authorization": secret("KEY")}
    )
    message = only(context)
    assert (message.target, message.secret) == ("secret:URL", "KEY")
    assert message.headers == {"authorization": "secret:KEY"}
    assert message.body == b'{"a":1}'
    assert "abc" not in repr(message)
    assert "x.test" not in repr(message)


def test_a_webhook_without_a_body_sends_null(context: TaskContext) -> None:
    send_webhook("https://x.test")
    assert (only(context).body, only(context).kind) == (b"null", "webhook")


def test_ids_are_the_same_for_every_attempt_and_differ_within_one(tmp_path: Path) -> None:
    def ids(attempt: int, task: str) -> list[str]:
        made = task_context(tmp_path, attempt, task)
        copy_context().run(send_three, made)
        return [*(m.id for m in made.outgoing), *(r.id for r in made.starts)]

    def send_three(made: TaskContext) -> None:
        enter_context(made)
        publish("t")
        send_webhook("http://x.test")
        start("other")

    assert ids(1, "load") == ids(2, "load")
    assert len({*ids(1, "load"), *ids(1, "load[1]")}) == 6


def test_start_asks_for_a_run(context: TaskContext) -> None:
    identity: Any = start("other", {"n": 1, "p": Path("x")})
    request = context.starts[0]
    assert (request.id, request.flow) == (identity, "other")
    assert request.decoded() == {"n": 1, "p": "x"}


@flow
def other(n: int, m: int = 2) -> None: ...


def test_start_takes_the_flow_itself(context: TaskContext) -> None:
    start(other, {"n": 1})
    assert context.starts[0].flow == "other"


@pytest.mark.parametrize(
    ("send", "message"),
    [
        (lambda: publish("t", object()), "the value for t cannot be written as JSON"),
        (lambda: publish("t", key=object()), "key= must be a text or a number"),
        (lambda: publish("t", key=True), "key= must be a text or a number"),
        (lambda: publish("t", {"a": [secret("KEY")]}), "the secret 'KEY' in value= would be"),
        (lambda: publish("t", key=secret("KEY")), "the secret 'KEY' in key= would be stored"),
        (lambda: publish("t", headers={"a": secret("KEY")}), "the secret 'KEY' in headers="),
        (lambda: send_webhook("x.test"), "it must begin with http:// or https://"),
        (lambda: send_webhook(7), "it must begin with http:// or https://"),
        (lambda: send_webhook("http://x", secret="abc"), 'write secret=secret("NAME")'),
        (lambda: send_webhook("http://x", (secret("KEY"),)), "the secret 'KEY' in json= would"),
        (lambda: start(other), "other needs a value for its parameter 'n'"),
        (lambda: start(other, {"nn": 1}), "other has no parameter 'nn': did you mean 'n'?"),
        (lambda: start("other", {"n": secret("KEY")}), "in params= would be stored in clear"),
        (lambda: start("other", {"n": object()}), "the parameters for other cannot be written"),
        (lambda: publish.options(retries=1)("t"), "belongs in a flow body, not in a task"),
    ],
)
def test_what_cannot_be_sent_fails_the_task_for_good(
    context: TaskContext, send: Any, message: str
) -> None:
    with pytest.raises(ValueMisfit) as caught:
        send()
    assert message in str(caught.value)
    assert (context.outgoing, context.starts) == ([], [])


@pytest.mark.parametrize("send", [lambda: publish("t"), lambda: send_webhook("http://x"),
                                  lambda: start("other")])  # fmt: skip
def test_elsewhere_it_is_an_error(send: Any) -> None:
    with pytest.raises(NotInTask, match=r"test_outgoing.py:\d+: .* belongs in a flow body"):
        send()


BODY = """
@task
def load() -> int: ...

@flow
def other(n: int, m: int = 2): ...

@flow
def sample(event: Event):
    n = load()
    {line}
"""
LINE = FIRST_LINE + 9


def drawn(tmp_path: Path, line: str) -> Node:
    found = load_text(tmp_path, BODY.replace("{line}", line))
    assert not found.errors, [str(error) for error in found.errors]
    return list(found.flows["sample"].graph.nodes.values())[-1]


def run(node: Node, context: TaskContext) -> Any:
    scope = KnownScope({"load": 5}, event=an_event(subject="s"), secrets={"URL": "http://secret"})
    return node.spec.fn(*resolve(node.args, scope), **resolve(dict(node.kwargs), scope))


def test_in_a_body_they_are_nodes(tmp_path: Path, context: TaskContext) -> None:
    node = drawn(tmp_path, "publish('t', {'n': n}, key=event.subject)")
    assert (node.name, node.spec.kind, node.upstream) == ("publish", "publish", ("load",))
    assert run(node, context) == only(context).id
    assert (only(context).body, only(context).key) == (b'{"n":5}', "s")


def test_a_webhooks_url_may_be_a_secret_or_a_value(tmp_path: Path, context: TaskContext) -> None:
    node = drawn(tmp_path, "send_webhook(secret('URL'), {'n': n})")
    assert (node.name, node.spec.kind) == ("send_webhook", "webhook")
    run(node, context)
    run(drawn(tmp_path, "send_webhook(event.subject, n)"), context)
    assert [message.target for message in context.outgoing] == ["secret:URL", "s"]


def test_start_in_a_body(tmp_path: Path, context: TaskContext) -> None:
    node = drawn(tmp_path, "start(other, {'n': n})")
    assert (node.name, node.spec.kind) == ("start", "start")
    run(node, context)
    assert context.starts[0].decoded() == {"n": 5}


def test_they_take_options_and_order(tmp_path: Path) -> None:
    node = drawn(
        tmp_path,
        "n >> publish.options(wait='delivered', when=n > 1, name='told').options(retries=2)('t')",
    )
    assert (node.name, node.options.wait, node.options.retries) == ("told", "delivered", 2)
    assert node.upstream == ("load",)
    for line in (
        "send_webhook.options(wait='delivered')('http://x')",
        "start.options(at_most_once=True)('other')",
    ):
        drawn(tmp_path, line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("publish('t', text('{s}', s=secret('KEY')))", "the secret 'KEY' in value= would be"),
        ("send_webhook(text('{s}', s=secret('KEY')))", "the secret 'KEY' in url= would be"),
        ("send_webhook('ftp://x')", "it must begin with http"),
        ("send_webhook('http://x', secret=event.subject)", 'write secret=secret("NAME")'),
        ("start(other)", "start(): other needs a value for its parameter 'n'"),
        ("start(other, {'k': 1})", "start(): other has no parameter 'k'"),
        ("publish.options(retry=1)('t')", "there is no option 'retry'"),
    ],
)
def test_a_slip_in_a_body_is_a_load_error(tmp_path: Path, line: str, message: str) -> None:
    error = load_error(tmp_path, BODY.replace("{line}", line))
    assert str(error).startswith(f"flows/sample.py:{LINE}: ")
    assert message in error.message


def test_secrets_and_connections_are_values_in_a_task(context: TaskContext) -> None:
    value = secret("URL")
    assert (value, value.name, isinstance(value, str)) == ("https://x.test/hook", "URL", True)
    assert f"{value}/x" == "https://x.test/hook/x"
    with pytest.raises(Exception, match="connection 'db' is not defined"):
        connection("db")
    with pytest.raises(Exception, match="secret 'NONE' has no value"):
        secret("NONE")


def test_errors_are_of_the_family() -> None:
    assert issubclass(NotInTask, FlowError)
    assert issubclass(ValueMisfit, FlowError)
