"""Webhooks: deliveries to `POST /hooks/{path}`, verified over their raw bytes."""

from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.sensors.webhook.source import webhook
from triphammer.sensors.webhook.verify import Verify, github, shared, slack, standard, stripe

__all__ = [
    "Challenge",
    "HookRequest",
    "Verify",
    "github",
    "shared",
    "slack",
    "standard",
    "stripe",
    "webhook",
]
