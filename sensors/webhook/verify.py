"""Who may deliver: verifiers as plain values that name their secrets, never hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from triphammer.sensors.errors import SourceError

Scheme = Literal["standard", "github", "stripe", "slack", "shared"]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)


class Named(Protocol):
    """A reference to a secret: `secret("NAME")`."""

    @property
    def name(self) -> str: ...


Secret = Named | str
"""A reference to a secret, or the secret's name."""


@dataclass(frozen=True, slots=True)
class Verify:
    """A scheme of signatures and the names of the secrets, any of which may have signed.

    Several secrets serve a rotation: the old and the new one are both good.
    """

    scheme: Scheme
    secrets: tuple[str, ...]
    header: str | None = None

    def options(self) -> dict[str, Any]:
        """The verifier as plain data."""
        return {"scheme": self.scheme, "secrets": list(self.secrets), "header": self.header}

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Verify:
        """The verifier that `options()` gave."""
        return cls(options["scheme"], tuple(options["secrets"]), options["header"])

    def __str__(self) -> str:
        names = [f'secret("{name}")' for name in self.secrets]
        if self.header is not None:
            names.append(f'header="{self.header}"')
        return f"{self.scheme}({', '.join(names)})"


def standard(*secrets: Secret) -> Verify:
    """Standard Webhooks (specification of standardwebhooks.com, symmetric signatures).

    HMAC-SHA256 over `webhook-id.webhook-timestamp.body`. The secrets are base64, with the
    prefix `whsec_`; without it, a text that is no base64 is used as it is.
    """
    return _verify("standard", secrets)


def github(*secrets: Secret) -> Verify:
    """GitHub: HMAC-SHA256 of the body in `X-Hub-Signature-256`.

    Source: GitHub Docs, "Validating webhook deliveries". The signature covers no time, so a
    replay is told by `X-GitHub-Delivery` alone.
    """
    return _verify("github", secrets)


def stripe(*secrets: Secret) -> Verify:
    """Stripe: HMAC-SHA256 over `t.body`, `t` and `v1` in `Stripe-Signature`.

    Source: Stripe Docs, "Verify webhook signatures manually".
    """
    return _verify("stripe", secrets)


def slack(*secrets: Secret) -> Verify:
    """Slack: HMAC-SHA256 over `v0:X-Slack-Request-Timestamp:body` in `X-Slack-Signature`.

    Source: Slack API documentation, "Verifying requests from Slack". The test of the address
    (`url_verification`) is answered and makes no event.
    """
    return _verify("slack", secrets)


def shared(*secrets: Secret, header: str | None = None) -> Verify:
    """A plain shared secret, sent in `header`; the header is not kept in the event.

    Without `header` it is looked for in `Authorization: Bearer ...` (RFC 6750) and in
    `X-Webhook-Secret`.
    """
    return _verify("shared", secrets, header)


def _verify(scheme: Scheme, secrets: tuple[Secret, ...], header: str | None = None) -> Verify:
    if not secrets:
        raise SourceError(f'{scheme}() needs a secret: {scheme}(secret("NAME"))')
    names = tuple(_name(scheme, s) for s in secrets)
    return Verify(scheme, names, None if header is None else header.lower())


def _name(scheme: Scheme, secret: Secret) -> str:
    name = secret if isinstance(secret, str) else secret.name
    if _NAME.fullmatch(name) is None or name.startswith("whsec_"):
        # The text is not shown: it may be the secret itself.
        raise SourceError(
            f"{scheme}() takes the name of a secret, not its value: keep the value in"
            f' TRIPHAMMER_SECRETS__NAME and write {scheme}(secret("NAME"))'
        )
    return name
