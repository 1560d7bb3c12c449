"""The fake parts: inbox, topic, webhook, receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from triphammer import (
    Event,
    chain,
    done_file,
    files,
    flow,
    github,
    publish,
    secret,
    send_webhook,
    slack,
    standard,
    stripe,
    task,
    topic,
    webhook,
)
from triphammer.sensors.webhook import shared
from triphammer.testing import Answer, simulate

CHAT = "https://chat.example.com/hook"


@task
def read(path: Path) -> str:
    return path.read_text()


@task
def refuse(_: str) -> None:
    raise ValueError("no good")


@flow(on=files("in", "*.txt", done="archive", failed="broken"))
def letters(event: Event) -> object:
    text = read(event.data["path"])
    refuse.options(when=text == "bad")(text)
    return text


def test_a_file_begins_a_run_and_goes_where_the_flow_says() -> None:
    with simulate(letters) as sim:
        inbox = sim.inbox("in")
        [good] = inbox.drop("a.txt", "dear ada")
        [bad] = inbox.drop("b.txt", "bad")
        assert inbox.drop("c.csv", "not listened to") == []
        assert (good.state, good.result, bad.state) == ("succeeded", "dear ada", "failed")
        folder = inbox.folder
        assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.txt")) == [
            "archive/a.txt",
            "broken/b.txt",
        ]
    assert not folder.exists()


def test_a_file_that_changes_is_another_version_and_one_that_does_not_is_none() -> None:
    @flow(on=files("in"))
    def seen(event: Event) -> object:
        return event.type

    with simulate(seen) as sim:
        inbox = sim.inbox("in")
        assert [run.result for run in inbox.drop("a", "1")] == ["triphammer.file.created"]
        assert inbox.look() == []
        assert [run.result for run in inbox.drop("a", "2")] == ["triphammer.file.changed"]
        (inbox.folder / "b").write_text("written by something else")
        assert len(inbox.look()) == 1


def test_a_file_with_a_marker_is_whole_when_that_is_there() -> None:
    @flow(on=files("in", ready=done_file("{name}.done")))
    def marked(event: Event) -> object:
        return event.subject

    with simulate(marked) as sim:
        inbox = sim.inbox("in")
        assert inbox.drop("a", "1") == []
        assert [run.result for run in inbox.drop("a.done")] == ["a"]
        assert inbox.drop("a", "2") == []
        assert [run.result for run in inbox.drop("a.done")] == ["a"]


def test_a_folder_that_nobody_watches_is_named() -> None:
    with simulate(letters) as sim, pytest.raises(LookupError, match=r"watched are \['in'\]"):
        sim.inbox("out")


@task
def double(n: int) -> int:
    return 2 * n


@flow(on=topic("numbers"))
def doubling(event: Event) -> None:
    publish("doubled", value=double(event.data["n"]), key=event.subject)


@flow(on=topic("doubled"))
def reading(event: Event) -> object:
    return event.data


def test_records_go_in_and_what_is_published_reaches_whoever_listens() -> None:
    with simulate(doubling, reading) as sim:
        [run] = sim.topic("numbers").put({"n": 21}, key="a")
        assert run.state == "succeeded"
        [message] = sim.topic("doubled").messages
        assert (message.value, message.key, message.state) == (42, "a", "delivered")
        [heard] = sim.runs("reading")
        assert heard.result == 42
        [_, record] = sim.events("triphammer.kafka.record")
        assert record.headers["triphammer-id"] == message.id


def test_a_record_that_is_no_json_is_a_dead_letter() -> None:
    with simulate(doubling) as sim:
        numbers = sim.topic("numbers")
        assert numbers.put(b"{") == []
        [dead] = numbers.dead
        assert "JSON" in dead.reason
        with pytest.raises(LookupError, match="no flow listens to the topic 'doubled'"):
            sim.topic("doubled").put(1)


def test_a_broker_that_is_away_is_tried_again() -> None:
    with simulate(doubling) as sim:
        sim.topic("doubled").fail(2)
        sim.topic("numbers").put({"n": 1})
        [message] = sim.topic("doubled").messages
        assert (message.state, message.attempts) == ("pending", 1)
        sim.advance("5m")
        [message] = sim.topic("doubled").messages
        assert (message.state, message.attempts) == ("delivered", 3)


@pytest.mark.parametrize("scheme", [standard, github, stripe, slack, shared])
def test_deliveries_are_signed_as_the_flow_asks(scheme: Any) -> None:
    @flow(on=webhook("deploys", verify=scheme(secret("KEY"))))
    def deploys(event: Event) -> object:
        return event.data["ref"]

    with simulate(deploys, secrets={"KEY": "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="}) as sim:
        hook = sim.webhook("deploys")
        answer = hook.post({"ref": "main", "id": "evt_1", "event_id": "Ev1"}, id="d1")
        assert (answer.status, answer.duplicate) == (202, False)
        assert answer.run.result == "main"
        again = hook.post({"ref": "main", "id": "evt_1", "event_id": "Ev1"}, id="d1")
        assert (again.status, again.duplicate) == (202, True)
        assert hook.post({"ref": "x"}, signed=False).status == 401
        forged = hook.post({"ref": "x"}, signed="another secret")
        assert forged.status == 401
        assert forged.text
        with pytest.raises(LookupError, match="0 runs were begun"):
            _ = forged.run
        assert len(sim.runs()) == 1


def test_the_test_of_an_address_and_a_webhook_that_is_not_there() -> None:
    @flow(on=webhook("chat", verify=slack(secret("KEY"))))
    def chat(event: Event) -> None: ...

    with simulate(chat, secrets={"KEY": "k"}) as sim:
        asked = {"type": "url_verification", "challenge": "c"}
        assert sim.webhook("chat").post(asked).text == "c"
        with pytest.raises(LookupError, match=r"there are \['chat'\]"):
            sim.webhook("talk")


@flow
def telling(text: str = "hello") -> None:
    send_webhook(CHAT, {"text": text}, secret=secret("KEY"))


def test_a_target_sees_what_was_sent_with_its_signature() -> None:
    with simulate(telling, secrets={"KEY": "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="}) as sim:
        chat = sim.receiver(CHAT)
        sim.start(telling)
        [request] = chat.requests
        assert request.value == {"text": "hello"}
        assert request.headers["webhook-id"] == sim.sent(CHAT)[0].id
        assert request.headers["webhook-signature"].startswith("v1,")
        assert request.at == sim.now


def test_a_target_that_fails_is_tried_again_by_the_real_schedule() -> None:
    with simulate(telling, secrets={"KEY": "k"}) as sim:
        chat = sim.receiver(CHAT)
        chat.answer(500, Answer(503, headers={"retry-after": "600"}), ConnectionError("refused"))
        sim.start(telling)
        assert [message.state for message in sim.sent(CHAT)] == ["pending"]
        sim.advance("2h")
        [message] = sim.sent(CHAT)
        assert (message.state, message.attempts) == ("delivered", 4)
        assert chat.values == [{"text": "hello"}] * 4
        assert (chat.requests[2].at - chat.requests[1].at).total_seconds() >= 600


def test_a_target_that_takes_too_long() -> None:
    with simulate(telling, secrets={"KEY": "k"}) as sim:
        sim.receiver(CHAT).answer(Answer(after="1m"), Answer(after="1m"))
        sim.start(telling)
        sim.advance("30s")
        [message] = sim.sent(CHAT)
        assert message.error is not None
        assert "no answer" in message.error


def test_a_task_waits_for_its_delivery() -> None:
    @task
    async def tell() -> None:
        send_webhook(CHAT, {"n": 1})

    @flow
    def waiting() -> None:
        chain(tell.options(wait="delivered")(), read(Path(__file__)))

    with simulate(waiting) as sim:
        sim.receiver(CHAT).answer(500)
        run = sim.start(waiting)
        assert run.state == "running"
        sim.advance("1h")
        assert run.state == "succeeded"
