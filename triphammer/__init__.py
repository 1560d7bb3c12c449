"""Something happens; your Python runs.

What flow files import, and the client of a running daemon. Every name is loaded on first use
(PEP 562), so that a worker that needs one of them does not pay for the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triphammer.flows.artifacts import Artifact
    from triphammer.flows.branches import branch, first_of
    from triphammer.flows.breaker import breaker
    from triphammer.flows.context import context
    from triphammer.flows.envs.python_env import python_env
    from triphammer.flows.errors import Fail, Skip
    from triphammer.flows.flow import flow
    from triphammer.flows.groups import group
    from triphammer.flows.journal import ErrorInfo
    from triphammer.flows.keep import artifact
    from triphammer.flows.loops import loop
    from triphammer.flows.notify import to_email, to_slack, to_webhook
    from triphammer.flows.outcomes import Ended, Failed, Ok
    from triphammer.flows.outgoing import publish, send_webhook, start
    from triphammer.flows.pipeline import pipeline
    from triphammer.flows.ready.git import git_checkout
    from triphammer.flows.ready.http import http
    from triphammer.flows.ready.shell import shell
    from triphammer.flows.ready.sql import sql
    from triphammer.flows.ready.ssh import ssh
    from triphammer.flows.references import connection, event, secret, text
    from triphammer.flows.resource import resource, use
    from triphammer.flows.state import state
    from triphammer.flows.task import chain, task
    from triphammer.flows.waits import approve, sleep, wait_for
    from triphammer.sensors.custom import sensor
    from triphammer.sensors.event import Event
    from triphammer.sensors.files.source import done_file, files
    from triphammer.sensors.kafka.source import topic
    from triphammer.sensors.posted import events, finished
    from triphammer.sensors.timers.source import at, cron, every
    from triphammer.sensors.webhook.source import webhook
    from triphammer.sensors.webhook.verify import github, shared, slack, standard, stripe
    from triphammer.service.client.asynchronous import AsyncClient
    from triphammer.service.client.errors import ClientError, Refused, Unreachable
    from triphammer.service.client.sync import Client

__version__ = "0.1.0"

_HOMES = {
    "triphammer.flows.artifacts": ("Artifact",),
    "triphammer.flows.branches": ("branch", "first_of"),
    "triphammer.flows.breaker": ("breaker",),
    "triphammer.flows.context": ("context",),
    "triphammer.flows.envs.python_env": ("python_env",),
    "triphammer.flows.errors": ("Fail", "Skip"),
    "triphammer.flows.flow": ("flow",),
    "triphammer.flows.groups": ("group",),
    "triphammer.flows.journal": ("ErrorInfo",),
    "triphammer.flows.keep": ("artifact",),
    "triphammer.flows.loops": ("loop",),
    "triphammer.flows.notify": ("to_email", "to_slack", "to_webhook"),
    "triphammer.flows.outcomes": ("Ended", "Failed", "Ok"),
    "triphammer.flows.outgoing": ("publish", "send_webhook", "start"),
    "triphammer.flows.pipeline": ("pipeline",),
    "triphammer.flows.ready.git": ("git_checkout",),
    "triphammer.flows.ready.http": ("http",),
    "triphammer.flows.ready.shell": ("shell",),
    "triphammer.flows.ready.sql": ("sql",),
    "triphammer.flows.ready.ssh": ("ssh",),
    "triphammer.flows.references": ("connection", "event", "secret", "text"),
    "triphammer.flows.resource": ("resource", "use"),
    "triphammer.flows.state": ("state",),
    "triphammer.flows.task": ("chain", "task"),
    "triphammer.flows.waits": ("approve", "sleep", "wait_for"),
    "triphammer.sensors.custom": ("sensor",),
    "triphammer.sensors.event": ("Event",),
    "triphammer.sensors.files.source": ("done_file", "files"),
    "triphammer.sensors.kafka.source": ("topic",),
    "triphammer.sensors.posted": ("events", "finished"),
    "triphammer.sensors.timers.source": ("at", "cron", "every"),
    "triphammer.sensors.webhook.source": ("webhook",),
    "triphammer.sensors.webhook.verify": ("github", "shared", "slack", "standard", "stripe"),
    "triphammer.service.client.asynchronous": ("AsyncClient",),
    "triphammer.service.client.errors": ("ClientError", "Refused", "Unreachable"),
    "triphammer.service.client.sync": ("Client",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Artifact",
    "AsyncClient",
    "Client",
    "ClientError",
    "Ended",
    "ErrorInfo",
    "Event",
    "Fail",
    "Failed",
    "Ok",
    "Refused",
    "Skip",
    "Unreachable",
    "approve",
    "artifact",
    "at",
    "branch",
    "breaker",
    "chain",
    "connection",
    "context",
    "cron",
    "done_file",
    "event",
    "events",
    "every",
    "files",
    "finished",
    "first_of",
    "flow",
    "git_checkout",
    "github",
    "group",
    "http",
    "loop",
    "pipeline",
    "publish",
    "python_env",
    "resource",
    "secret",
    "send_webhook",
    "sensor",
    "shared",
    "shell",
    "slack",
    "sleep",
    "sql",
    "ssh",
    "standard",
    "start",
    "state",
    "stripe",
    "task",
    "text",
    "to_email",
    "to_slack",
    "to_webhook",
    "topic",
    "use",
    "wait_for",
    "webhook",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'triphammer' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
