"""Which delivery this is: the provider's own id, so that a repeated delivery is a duplicate.

| verify | id |
|---|---|
| standard | `webhook-id` (it is signed) |
| github | `X-GitHub-Delivery` |
| stripe | `id` of the body |
| slack | `event_id` of the body |
| shared, none | `webhook-id`, `X-GitHub-Delivery` or `Idempotency-Key`, the first there is |

Otherwise the id is new and every delivery counts. `X-Request-Id` is not used: proxies and
tracing libraries set it for a request or a whole session, not for a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook.verify import Scheme

_HEADERS: Mapping[Scheme | None, tuple[str, ...]] = {
    "standard": ("webhook-id",),
    "github": ("x-github-delivery",),
    "shared": ("webhook-id", "x-github-delivery", "idempotency-key"),
    None: ("webhook-id", "x-github-delivery", "idempotency-key"),
}
_MEMBERS: Mapping[Scheme | None, str] = {"stripe": "id", "slack": "event_id"}


def delivery_id(scheme: Scheme | None, headers: Headers, data: Any) -> str | None:
    """The provider's id of the delivery, None where it gives none."""
    for name in _HEADERS.get(scheme, ()):
        if value := headers.get(name):
            return value
    member = _MEMBERS.get(scheme)
    if member is None or not isinstance(data, Mapping):
        return None
    value = cast(Mapping[str, Any], data).get(member)
    return value if isinstance(value, str) and value else None
