"""`notify=` in virtual time: which messages are sent, to whom, how many."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from triphammer import Event, events, flow, secret, task, to_email, to_slack, to_webhook
from triphammer.config.settings import NotifySettings
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import GraphError
from triphammer.flows.journal import ErrorInfo, RunChange
from triphammer.sensors.codec import new_event
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.notice_texts import Notice, as_mail, as_slack
from triphammer.service.notices import KEY, Notices
from triphammer.testing import SimulatedRun, Simulation, simulate

SLACK = "secret:SLACK_URL"
HOOK = "https://example.org/hook"
MAIL = "ops@example.org"
WRONG: Any = "x"


@task(retries=2, backoff="1s")
async def work(fails: bool, seconds: float = 0) -> str:
    await asyncio.sleep(seconds)
    if fails:
        raise ValueError("no <such> thing")
    return "done"


@flow(notify=[to_slack(secret("SLACK_URL")), to_email(MAIL, "boss@example.org")])
def told(fails: bool = False) -> Any:
    return work(fails)


@flow(
    notify=to_webhook(HOOK, secret=secret("KEY"), on=["failed", "late"], repeat=True), deadline="1m"
)
def hooked(fails: bool = False, seconds: float = 0) -> Any:
    return work(fails, seconds)


@flow(timeout="1m", notify=to_webhook(HOOK))
def timed(seconds: float = 0) -> Any:
    return work(False, seconds)


@flow
def silent(fails: bool = False) -> Any:
    return work(fails)


def incidents(sim: Simulation) -> list[str]:
    return [message.value["incident"] for message in sim.sent(HOOK)]


def test_one_message_an_incident_to_each() -> None:
    with simulate(told, secrets={"SLACK_URL": HOOK}) as sim:
        runs = list[SimulatedRun]()
        for fails in (False, True, True, False, False, True):
            runs.append(sim.start(told, fails=fails))
            sim.advance("1m")
        texts = [message.value["text"].splitlines() for message in sim.sent(SLACK)]
        assert [text[0] for text in texts] == [
            "*told failed*",
            "*told works again*",
            "*told failed*",
        ]
        assert texts[0][1:] == [
            "ValueError: work: no &lt;such&gt; thing",
            "failed: work",
            runs[1].id,
        ]
        assert texts[1][1:] == [f"the first that failed was {runs[1].id}", runs[3].id]
        for address in (MAIL, "boss@example.org"):
            subjects = [mail.headers["Subject"] for mail in sim.mailed(address)]
            assert subjects == ["told failed", "told works again", "told failed"]
        body = sim.mailed(MAIL)[0].body
        assert body is not None
        assert body.decode().splitlines()[1] == "ValueError: work: no <such> thing"


def test_messages_are_sent_under_their_ids() -> None:
    with simulate(told, secrets={"SLACK_URL": HOOK}) as sim:
        sim.start(told, fails=True)
        sim.advance("1m")
        ids = {message.id for message in (*sim.sent(SLACK), *sim.mailed(MAIL))}
        assert len(ids) == 2


def test_each_failed_run_where_that_is_wanted_and_only_what_is_wanted() -> None:
    with simulate(hooked, secrets={"KEY": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"}) as sim:
        for fails in (True, True, False):
            sim.start(hooked, fails=fails)
            sim.advance("30s")
        assert incidents(sim) == ["failed", "failed"]


def test_a_run_that_is_retried_and_fails_again_is_told_of_again() -> None:
    with simulate(hooked, secrets={"KEY": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"}) as sim:
        run = sim.start(hooked, fails=True)
        sim.advance("30s")
        sim.retry(run)
        sim.advance("30s")
        assert incidents(sim) == ["failed", "failed"]


def test_a_late_run_is_told_of_once_and_then_perhaps_as_failed() -> None:
    with simulate(hooked, secrets={"KEY": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"}) as sim:
        sim.start(hooked, fails=True, seconds=90)
        sim.advance("1h")
        assert incidents(sim) == ["late", "failed"]
        assert sim.sent(HOOK)[0].value["error"] == "it has not ended within 60 s"


def test_a_run_whose_time_is_over_has_failed() -> None:
    with simulate(timed) as sim:
        sim.start(timed, seconds=1000)
        sim.advance("2m")
        sim.start(timed)
        sim.advance("1s")
        assert incidents(sim) == ["failed", "recovered"]
        assert sim.sent(HOOK)[0].value["error"].startswith("RunTimeout: the run took longer")


def test_a_cancelled_run_is_nobodys_news() -> None:
    with simulate(timed) as sim:
        run = sim.start(timed, seconds=1000)

        async def cancel() -> bool:
            return sim.local.core.engine.cancel(run.id, "enough")

        assert sim.call(cancel())
        sim.advance("1s")
        assert run.state == "cancelled"
        assert incidents(sim) == []


def test_runs_that_fail_together_are_one_incident() -> None:
    @flow(on=events(type="e"), notify=to_webhook(HOOK))
    def parallel(event: Event) -> Any:
        return work(True)

    with simulate(parallel) as sim:
        for n in range(5):
            sim.emit(new_event(id=f"{n}", source="s", type="e", data={}, now=0))
        sim.advance("1m")
        assert {run.state for run in sim.runs()} == {"failed"}
        assert incidents(sim) == ["failed"]


def a_change(run: str, state: str, error: ErrorInfo | None = None) -> RunChange:
    return RunChange(run=run, flow="silent", epoch=0, state=state, finished_at=5, error=error)


def test_flows_that_name_nobody_are_told_of_to_whom_the_settings_name() -> None:
    settings = NotifySettings(slack=SLACK, email=(MAIL,), on=("failed",), url="https://t.example/")
    states = FlowStates()
    notices = Notices(settings, states)
    change = notices.with_end(a_change("run_1", "failed", ErrorInfo("E", "no")), None, 0)
    slack, mail = change.outbox
    assert (slack.kind, slack.target, mail.kind, mail.target) == ("webhook", SLACK, "email", MAIL)
    assert slack.body is not None
    assert msgspec.json.decode(slack.body)["text"].endswith("<https://t.example/runs/run_1|run_1>")
    assert change.state_writes == {KEY: b'"run_1"'}
    after = notices.with_end(a_change("run_2", "succeeded"), None, 0)
    assert (after.outbox, after.state_writes) == ((), {KEY: None})


def test_the_incident_is_known_after_a_restart() -> None:
    settings = NotifySettings(webhook=HOOK)
    states = FlowStates({"silent": {KEY: b'"run_0"'}})
    assert Notices(settings, states).with_end(a_change("run_1", "failed"), None, 0).outbox == ()
    [message] = Notices(settings, states).with_end(a_change("run_1", "succeeded"), None, 0).outbox
    assert message.body is not None
    told = msgspec.json.decode(message.body)
    assert (told["incident"], told["since"]) == ("recovered", "run_0")


def test_an_empty_list_tells_nobody() -> None:
    @flow(notify=[])
    def quiet() -> Any:
        return work(True)

    notices = Notices(NotifySettings(webhook=HOOK), FlowStates())
    assert notices.with_end(a_change("run_1", "failed"), definition_of(quiet), 0).outbox == ()


def test_texts_hold_on_to_their_form() -> None:
    notice = Notice(incident="failed", flow="a&b", run="run_1", at="now", error="x\r\n.\r\n<y>")
    assert as_mail(notice).splitlines() == ["a&b failed", "x", ".", "<y>", "run run_1, now"]
    text = msgspec.json.decode(as_slack(notice))["text"]
    assert text == "*a&amp;b failed*\nx\r\n.\r\n&lt;y&gt;\nrun_1"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: to_slack("hooks.slack.com/x"), "got the URL 'hooks.slack.com/x': it must begin"),
        (lambda: to_webhook(HOOK, secret=WRONG), "write secret=secret"),
        (lambda: to_email(), "got no address"),
        (lambda: to_email("Ops <ops@example.org>"), "no address such as ops@example.com"),
        (lambda: to_email("ops@example.org\r\nBcc: x@y"), "no address such as"),
        (lambda: to_slack(HOOK, on=WRONG), "'x' is none of 'failed', 'late'"),
        (lambda: flow(notify=[WRONG]), "notify= takes to_slack"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        make()
