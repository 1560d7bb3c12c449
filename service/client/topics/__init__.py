"""What can be asked for, topic by topic."""

from __future__ import annotations

from triphammer.service.client.topics.access import AccessCalls
from triphammer.service.client.topics.backfills import BackfillCalls
from triphammer.service.client.topics.code import CodeCalls
from triphammer.service.client.topics.daemon import DaemonCalls
from triphammer.service.client.topics.deadletters import DeadLetterCalls
from triphammer.service.client.topics.events import EventCalls
from triphammer.service.client.topics.flows import FlowCalls
from triphammer.service.client.topics.live import LiveCalls
from triphammer.service.client.topics.looking import LookingCalls
from triphammer.service.client.topics.operating import OperatingCalls
from triphammer.service.client.topics.runs import RunCalls
from triphammer.service.client.topics.state import StateCalls


class Topics(
    FlowCalls,
    RunCalls,
    OperatingCalls,
    EventCalls,
    LiveCalls,
    LookingCalls,
    DeadLetterCalls,
    BackfillCalls,
    StateCalls,
    CodeCalls,
    AccessCalls,
    DaemonCalls,
):
    """All calls of the API."""
