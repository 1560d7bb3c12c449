"""A webhook of the flows under test: deliveries in, signed as its `verify=` asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from triphammer.config.ids import new_id
from triphammer.sensors.errors import Overloaded, Rejected
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.sensors.webhook.verify import Verify
from triphammer.testing.results import SimulatedRun
from triphammer.testing.signing import signature
from triphammer.testing.world import World


@dataclass(frozen=True, slots=True)
class Answered:
    """What the sender of a delivery is answered; `text` says why it was refused."""

    status: int
    duplicate: bool = False
    runs: Sequence[SimulatedRun] = ()
    text: str = ""

    @property
    def run(self) -> SimulatedRun:
        """The run that it began. Raises LookupError unless it is one."""
        if len(self.runs) != 1:
            raise LookupError(
                f"{len(self.runs)} runs were begun (status {self.status}) {self.text}"
            )
        return self.runs[0]


class Hook:
    """Stands for whoever posts to `/hooks/{path}`. Use it through `sim.webhook(path)`."""

    def __init__(self, sim: World, path: str, verify: Verify | None) -> None:
        self.path = path
        self._sim = sim
        self._verify = verify

    def post(
        self,
        data: Any = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        id: str | None = None,
        signed: bool | str = True,
        query: str = "",
    ) -> Answered:
        """Deliver `data` as JSON, or `body` as it is.

        It is signed by the flow's own scheme and secret; `signed=False` leaves that out, a text
        signs with another secret. `headers` are added, and win. `id` is the delivery's, for
        schemes that send one.
        """
        content = msgspec.json.encode(data) if body is None else body
        given = {"content-type": "application/json", **self._signature(content, id, signed)}
        request = HookRequest(
            path=self.path,
            headers=Headers({**given, **(headers or {})}),
            body=content,
            received_at=self._sim.clock.now(),
            query=query,
        )
        try:
            accepted = self._sim.call(self._sim.operations.receive(self.path, request))
        except Rejected as error:
            return Answered(error.status, text=str(error))
        except Overloaded as error:
            return Answered(503, text=str(error))
        if isinstance(accepted, Challenge):
            return Answered(200, text=accepted.text)
        self._sim.settle()
        runs = [SimulatedRun(self._sim, id) for id in accepted.runs]
        return Answered(202, accepted.duplicate, runs)

    def _signature(self, body: bytes, id: str | None, signed: bool | str) -> Mapping[str, str]:
        if self._verify is None or signed is False:
            return {} if id is None else {"webhook-id": id}
        name = self._verify.secrets[0]
        secret = signed if isinstance(signed, str) else self._sim.secrets.value(name)
        seconds = self._sim.clock.now() // 1_000_000
        id = id or new_id("evt")
        return signature(self._verify, body, id=id, secret=secret, seconds=seconds)
