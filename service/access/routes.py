"""Which scope each route asks for: the one table.

What is not in it asks for `read` where it only reads, and for `admin` else, so that a route that
somebody forgets is shut. A test names those that change something and are not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.routing import compile_path

from triphammer.service.access.scopes import Need

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HOOKS, EVENTS, STREAM = "/hooks/", "/api/v1/events", "/api/v1/stream"
DECLARED: Mapping[tuple[str, str], Need] = {
    # Webhooks are judged by their flow's `verify=`.
    ("POST", "/hooks/{path:path}"): "public",
    # `/readyz` tells reasons only to those who may read.
    ("GET", "/livez"): "public",
    ("GET", "/readyz"): "public",
    ("GET", "/static/{path:path}"): "public",
    ("GET", "/signin"): "public",
    ("POST", "/signin"): "public",
    ("POST", "/signout"): "public",
    ("POST", "/api/v1/events"): "emit",
    ("POST", "/api/v1/flows/{name}/runs"): "operate",
    ("POST", "/flows/{name}/runs"): "operate",
    ("POST", "/flows/{name}/pause"): "operate",
    ("POST", "/flows/{name}/resume"): "operate",
    ("POST", "/flows/{name}/backfills"): "operate",
    ("POST", "/backfills/{id}/cancel"): "operate",
    ("POST", "/api/v1/flows/{name}/pause"): "operate",
    ("POST", "/api/v1/flows/{name}/resume"): "operate",
    ("POST", "/api/v1/flows/{name}/backfills"): "operate",
    ("POST", "/api/v1/flows/{name}/backfills/plan"): "read",
    ("POST", "/api/v1/backfills/{id}/cancel"): "operate",
    ("PUT", "/api/v1/flows/{name}/state/{key:path}"): "operate",
    ("DELETE", "/api/v1/flows/{name}/state/{key:path}"): "operate",
    ("DELETE", "/api/v1/flows/{name}/state"): "operate",
    ("POST", "/api/v1/runs/{id}/cancel"): "operate",
    ("POST", "/api/v1/runs/{id}/retry"): "operate",
    ("POST", "/api/v1/runs/{id}/mark"): "operate",
    ("POST", "/api/v1/runs/{id}/tasks/{task:path}/mark"): "operate",
    ("PATCH", "/api/v1/runs/{id}"): "operate",
    ("POST", "/api/v1/runs/{id}/tasks/{task:path}/approve"): "operate",
    ("POST", "/api/v1/runs/{id}/tasks/{task:path}/reject"): "operate",
    ("POST", "/runs/{id}/tasks/{task:path}/answer"): "operate",
    ("POST", "/runs/{id}/cancel"): "operate",
    ("POST", "/runs/{id}/retry"): "operate",
    ("POST", "/runs/{id}/again"): "operate",
    ("POST", "/runs/{id}/note"): "operate",
    ("POST", "/api/v1/deadletters/redrive"): "operate",
    ("POST", "/api/v1/deadletters/skip"): "operate",
    ("POST", "/api/v1/sensors/{id:path}/pause"): "operate",
    ("POST", "/api/v1/sensors/{id:path}/resume"): "operate",
    ("POST", "/sensors/{id:path}/pause"): "operate",
    ("POST", "/sensors/{id:path}/resume"): "operate",
    ("POST", "/events/{key}/again"): "operate",
    ("POST", "/events/{key}/start"): "operate",
    ("POST", "/deadletters/redrive"): "operate",
    ("POST", "/deadletters/skip"): "operate",
    ("POST", "/api/v1/reload"): "operate",
    ("POST", "/api/v1/prune"): "admin",
    ("GET", "/api/v1/audit"): "admin",
    ("GET", "/api/v1/settings"): "admin",
    ("GET", "/settings"): "admin",
    ("GET", "/api/v1/tokens"): "admin",
    ("POST", "/api/v1/tokens"): "admin",
    ("POST", "/api/v1/tokens/{id}/revoke"): "admin",
    ("GET", "/audit"): "admin",
    ("GET", "/tokens"): "admin",
    ("POST", "/tokens"): "admin",
    ("POST", "/tokens/{id}/revoke"): "admin",
}
_RANK: Mapping[Need, int] = {"public": 0, "read": 1, "emit": 1, "operate": 2, "admin": 3}


class Rules:
    """What a request asks for, by its method and path."""

    def __init__(self, declared: Mapping[tuple[str, str], Need]) -> None:
        self._patterns: Sequence[tuple[str, str, re.Pattern[str], Need]] = [
            (method, path.partition("{")[0], compile_path(path)[0], need)
            for (method, path), need in declared.items()
        ]
        self._literal: Mapping[tuple[str, str], Need] = {
            (method, path): self._match(method, path)
            for method, path in declared
            if "{" not in path
        }

    def need(self, method: str, path: str) -> Need:
        """The scope that a request asks for: of several rules that fit the strictest holds."""
        method = "GET" if method in SAFE else method
        found = self._literal.get((method, path))
        return self._match(method, path) if found is None else found

    def _match(self, method: str, path: str) -> Need:
        fitting: list[Need] = [
            need
            for m, start, regex, need in self._patterns
            if m == method and path.startswith(start) and regex.match(path)
        ]
        if not fitting:
            return "read" if method == "GET" else "admin"
        return max(fitting, key=lambda need: _RANK[need])


RULES = Rules(DECLARED)
