"""The mixed load of the kill loop, and the ledgers of those who bring it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
from aiokafka import AIOKafkaProducer

CLIENTS = 6
BATCH = 20
"""Events of a posted batch."""
RECORDS = 5
"""Records of a Kafka send. Nobody tells their source to wait: more than a busy machine works off
would only make the end long."""
PAUSE = 0.05
"""Seconds that a source that asks nobody (files, records) waits between two."""
BATCHED = {"content-type": "application/cloudevents-batch+json"}

FLOWS = '''
import hashlib, os
from pathlib import Path
from triphammer import (
    Event, context, every, events, files, flow, publish, send_webhook, task, topic, webhook,
)

EFFECTS = os.open("effects.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def noted(name):
    """A side effect that a crash cannot take back: which task of which run has begun."""
    about = context()
    os.write(EFFECTS, f"{about.run} {name} {about.attempt}\\n".encode())

@task
async def first(id: str) -> str:
    noted("first")
    return id

@task
async def second(id: str) -> str:
    noted("second")
    return id

@task
def digest(path: Path) -> str:
    noted("digest")
    return hashlib.sha256(path.read_bytes()).hexdigest()

@flow(on=webhook("in"))
def hooked(event: Event):
    return second(first(event.data["id"]))

@flow(on=events(type="load.posted"))
def posted(event: Event):
    return first(event.id)

@flow(on=events(type="load.told"))
def told(event: Event):
    id = first(event.id)
    sent = send_webhook("http://RECEIVER", {"of": event.id}, key=event.data["key"])
    id >> sent
    publish("OUT", key=event.data["key"], value={"of": event.id})

@flow(on=topic("IN"))
def record(event: Event):
    return second(first(event.data["id"]))

@flow(on=files("inbox", "*.bin", ready="rename", done="done"))
def dropped(event: Event):
    return digest(event.data["path"])

@flow(on=every("250ms", missed="all"), mode="parallel")
def ticked(event: Event):
    first(event.id)
'''


@dataclass
class Ledger:
    """What the sources were told: what is in here must not be lost."""

    webhooks: dict[str, str] = field(default_factory=dict[str, str])
    posted: dict[str, str] = field(default_factory=dict[str, str])
    records: set[str] = field(default_factory=set[str])
    files: dict[str, str] = field(default_factory=dict[str, str])
    refused: Counter[int] = field(default_factory=Counter[int])
    attempts: int = 0

    @property
    def total(self) -> int:
        """How many were acknowledged."""
        return len(self.webhooks) + len(self.posted) + len(self.records) + len(self.files)


class Load:
    """Brings events until told to stop; each client sends one thing until it is acknowledged."""

    def __init__(self, url: str, inbox: Path, random: Random, ledger: Ledger) -> None:
        self._url = url
        self._inbox = inbox
        self._random = random
        self._ledger = ledger
        self._number = 0
        self._stop = False

    def stop(self) -> None:
        """Bring nothing new; what is under way is still brought to its end."""
        self._stop = True

    async def run(self, bootstrap: str | None, topic: str) -> None:
        """Bring events of every kind until stopped, and all of them to their end."""
        async with (
            httpx.AsyncClient(trust_env=False, timeout=10) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(CLIENTS):
                group.start_soon(self._hooks, client)
            group.start_soon(self._batches, client)
            group.start_soon(self._files)
            if bootstrap is not None:
                group.start_soon(self._records, bootstrap, topic)

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    async def _hooks(self, client: httpx.AsyncClient) -> None:
        while not self._stop:
            id = self._id("hook")
            answer = await self._sent(
                client, "/hooks/in", json={"id": id}, headers={"webhook-id": id}
            )
            self._ledger.webhooks[id] = answer["event"]

    async def _batches(self, client: httpx.AsyncClient) -> None:
        while not self._stop:
            batch = [self._event() for _ in range(BATCH)]
            answer = await self._sent(client, "/api/v1/events", json=batch, headers=BATCHED)
            for event, told in zip(batch, answer["events"], strict=True):
                self._ledger.posted[event["id"]] = told["event"]
            await anyio.sleep(PAUSE)

    def _event(self) -> dict[str, Any]:
        told = self._random.random() < 0.25
        return {
            "specversion": "1.0",
            "id": self._id("told" if told else "posted"),
            "source": "load",
            "type": "load.told" if told else "load.posted",
            "data": {"key": f"k{self._random.randrange(5)}"},
        }

    async def _sent(self, client: httpx.AsyncClient, path: str, **more: Any) -> Any:
        """The answer to a request that was sent again and again until it was accepted."""
        while True:
            self._ledger.attempts += 1
            try:
                answer = await client.post(self._url + path, **more)
            except httpx.TransportError:
                await anyio.sleep(PAUSE)
                continue
            if answer.status_code == 202:
                return answer.json()
            assert answer.status_code in {429, 503}, answer.text
            assert "retry-after" in answer.headers
            self._ledger.refused[answer.status_code] += 1
            await anyio.sleep(PAUSE)

    async def _files(self) -> None:
        while not self._stop:
            name = self._id("file") + ".bin"
            body = self._random.randbytes(self._random.randrange(20_000))
            part = self._inbox / f".{name}.part"
            part.write_bytes(body)
            part.rename(self._inbox / name)
            self._ledger.files[name] = hashlib.sha256(body).hexdigest()
            await anyio.sleep(PAUSE * 2)

    async def _records(self, bootstrap: str, topic: str) -> None:
        kind: Any = AIOKafkaProducer
        producer = kind(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            while not self._stop:
                ids = [self._id("record") for _ in range(RECORDS)]
                sent = [await producer.send(topic, b'{"id":"%b"}' % id.encode()) for id in ids]
                for id, future in zip(ids, sent, strict=True):
                    await future
                    self._ledger.records.add(id)
                await anyio.sleep(PAUSE * 2)
        finally:
            await producer.stop()
