"""Outgoing messages and runs: nodes in a flow body, part of the attempt's commit in a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Unpack

from triphammer.flows.codec import to_json
from triphammer.flows.context import TaskContext, current_context
from triphammer.flows.credentials import SecretRef, SecretText
from triphammer.flows.drawing import drawing_now
from triphammer.flows.errors import GraphError, NotInTask, ValueMisfit
from triphammer.flows.expr import Expr, expressions
from triphammer.flows.flow import Flow
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle
from triphammer.flows.identities import id_within
from triphammer.flows.journal import OutMessage, StartRequest
from triphammer.flows.kinds import is_array, is_mapping
from triphammer.flows.options import TaskOptions, apply_options
from triphammer.flows.places import user_place
from triphammer.flows.references import suggest
from triphammer.flows.surround import draw

SECRET_TARGET = "secret:"
"""Before the name of a secret where its value would stand in a stored message."""

_BYTES = "application/octet-stream"


class Outgoing:
    """A built-in task that asks for something to be sent once the attempt is committed."""

    def __init__(self, spec: TaskSpec, given: Options | None = None) -> None:
        self._spec = spec
        self._options = given

    def _call(self, **arguments: Any) -> Handle:
        """Draw a node in a body; in a task, run at once. Raises `NotInTask` elsewhere."""
        drawing = drawing_now()
        if drawing is not None:
            return draw(drawing, self._spec, self._options or Options(), (), arguments)
        if self._options is not None:
            _refuse(f"{self._spec.name}.options(...) belongs in a flow body, not in a task")
        identity: Handle = self._spec.fn(**arguments)  # for type checkers: it is a text
        return identity

    def _with(self, options: Mapping[str, Any]) -> Options:
        return apply_options(self._options or Options(), options, is_async=False)


class Publish(Outgoing):
    """`publish(...)`: a Kafka message."""

    def options(self, **options: Unpack[TaskOptions]) -> Publish:
        """With these options; `wait="delivered"` waits until the broker has it."""
        return Publish(self._spec, self._with(options))

    def __call__(
        self,
        topic: str,
        value: Any = None,
        *,
        key: Any = None,
        headers: Mapping[str, Any] | None = None,
        connection: str = "kafka",
    ) -> Handle:
        """Publish `value` to `topic` as JSON (bytes as they are; None is a tombstone).

        Messages of one `key` keep their order. The result is the message's id. Success means
        committed to the outbox. Raises `NotInTask` outside flow bodies and tasks.
        """
        _no_secrets({"value": value, "key": key, "headers": headers})
        return self._call(topic=topic, value=value, key=key, headers=headers, connection=connection)


class SendWebhook(Outgoing):
    """`send_webhook(...)`: an HTTP POST."""

    def options(self, **options: Unpack[TaskOptions]) -> SendWebhook:
        """With these options; `wait="delivered"` waits until the receiver has taken it."""
        return SendWebhook(self._spec, self._with(options))

    def __call__(
        self,
        url: Any,
        json: Any = None,
        *,
        secret: Any = None,
        headers: Mapping[str, Any] | None = None,
        key: Any = None,
    ) -> Handle:
        """POST `json` to `url`, a text or `secret("NAME")`.

        `secret=secret("NAME")` signs it (Standard Webhooks). A header's value may be a secret.
        Messages of one `key` keep their order. The result is the message's id. Success means
        committed to the outbox. Raises `NotInTask` outside flow bodies and tasks.
        """
        _no_secrets({"json": json, "key": key})
        _check_url(url)
        if not isinstance(secret, (SecretRef, SecretText, type(None))):
            _refuse('send_webhook(secret=...) names a secret: write secret=secret("NAME")')
        return self._call(url=url, json=json, secret=secret, headers=headers, key=key)


class Start(Outgoing):
    """`start(...)`: an independent run."""

    def options(self, **options: Unpack[TaskOptions]) -> Start:
        """With these options."""
        return Start(self._spec, self._with(options))

    def __call__(
        self, flow: Flow[..., Any] | str, params: Mapping[str, Any] | None = None
    ) -> Handle:
        """Begin an independent run of `flow` (or of the flow of that name) with `params`.

        The result is the request's id. The run begins once this task is committed, exactly
        once. Raises `NotInTask` outside flow bodies and tasks, `GraphError` or `ValueMisfit`
        for a parameter that `flow` does not have.
        """
        given: Mapping[str, Any] = {} if params is None else params
        _no_secrets({"params": given})
        if isinstance(flow, Flow):
            _check_params(flow, given)
        name = flow.name if isinstance(flow, Flow) else flow
        return self._call(flow=name, params=given)


def _publish(topic: str, value: Any, key: Any, headers: Any, connection: str) -> str:
    context = _context("publish")
    body, content_type = _body(value, f"the value for {topic}")
    message = OutMessage(
        id=_message_id(context),
        kind="kafka",
        target=topic,
        body=body,
        key=_key(key),
        headers=_headers(headers),
        content_type=content_type,
        connection=connection,
    )
    context.outgoing.append(message)
    return message.id


def _send_webhook(url: Any, json: Any, secret: Any, headers: Any, key: Any) -> str:
    context = _context("send_webhook")
    body, content_type = _body(json, "the body of send_webhook")
    message = OutMessage(
        id=_message_id(context),
        kind="webhook",
        target=_stored(url),
        body=body if body is not None else b"null",
        key=_key(key),
        headers=_headers(headers),
        content_type=content_type,
        secret=None if secret is None else secret.name,
    )
    context.outgoing.append(message)
    return message.id


def _start(flow: str, params: Mapping[str, Any]) -> str:
    context = _context("start")
    body = to_json(dict(params), f"the parameters for {flow}")
    request = StartRequest(id=_id(context, "start", len(context.starts)), flow=flow, params=body)
    context.starts.append(request)
    return request.id


def _context(name: str) -> TaskContext:
    context = current_context()
    if context is None:
        place = user_place()
        raise NotInTask(
            f"{place}: {name}(...) belongs in a flow body (a node) or in a running task, whose "
            "commit it joins; here there is neither"
        )
    return context


def _message_id(context: TaskContext) -> str:
    return _id(context, "msg", len(context.outgoing))


def _id(context: TaskContext, prefix: str, index: int) -> str:
    return id_within(context.key, context.earlier, prefix, index)


def _body(value: Any, what: str) -> tuple[bytes | None, str]:
    if value is None:
        return None, "application/json"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), _BYTES
    return to_json(value, what), "application/json"


def _key(key: Any) -> str | None:
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return str(key)
    raise ValueMisfit(f"key= must be a text or a number, not {key!r}")


def _headers(headers: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name): _stored(value) for name, value in (headers or {}).items()}


def _stored(value: Any) -> str:
    """A text as it is stored: of a secret only the reference."""
    return SECRET_TARGET + value.name if isinstance(value, SecretText) else str(value)


def _check_url(url: Any) -> None:
    if isinstance(url, (SecretRef, SecretText)):
        return
    if isinstance(url, Expr):
        _no_secrets({"url": url})
    elif not isinstance(url, str) or not url.startswith(("http://", "https://")):
        _refuse(f"send_webhook() got the URL {url!r}: it must begin with http:// or https://")


def _check_params(flow: Flow[..., Any], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in flow.params:
            known = suggest(name, flow.params)
            _refuse(f"start(): {flow.name} has no parameter {name!r}{known}")
    for param in flow.params.values():
        if param.required and param.name not in given:
            _refuse(f"start(): {flow.name} needs a value for its parameter {param.name!r}")


def _no_secrets(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        for part in (*expressions(value), *_texts(value)):
            if isinstance(part, (SecretRef, SecretText)):
                _refuse(
                    f"the secret {part.name!r} in {name}= would be stored in clear: messages "
                    "keep references to secrets only in a webhook's url=, secret= and headers="
                )


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value; a secret's value still knows what it is."""
    if isinstance(value, str):
        yield value
    elif is_mapping(value):
        for item in value.values():
            yield from _texts(item)
    elif is_array(value):
        for item in value:
            yield from _texts(item)


def _refuse(message: str) -> NoReturn:
    place = user_place()
    if drawing_now() is None:
        raise ValueMisfit(f"{place}: {message}")
    raise GraphError(message, place.file, place.line)


def _spec(kind: str, name: str, fn: Callable[..., Any]) -> TaskSpec:
    # No hints: `fn` judges the values itself, and its result is a text.
    return TaskSpec(name=name, kind=kind, fn=fn, is_async=False, hints={"return": str}, where="")


publish = Publish(_spec("publish", "publish", _publish))
send_webhook = SendWebhook(_spec("webhook", "send_webhook", _send_webhook))
start = Start(_spec("start", "start", _start))
