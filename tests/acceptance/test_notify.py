"""Who is told of a failure is told once, though the daemon is killed before it could be sent."""

from __future__ import annotations

import subprocess
import sys

from tests.acceptance.conftest import Serve
from tests.support.mail import mail_server
from tests.support.target import listening

FLOW = """
from pathlib import Path
from triphammer import flow, secret, task, to_email, to_slack

@task(retries=2, backoff="1ms")
def work() -> int:
    if not Path("mended").exists():
        raise ValueError("broken")
    return 1

@flow(notify=[to_slack(secret("SLACK_URL")), to_email("ops@example.org")])
def report():
    return work()

@flow
def others():
    return work()
"""


def settings(port: int) -> str:
    return f"""
[outbox]
first_retry = "20ms"
longest_retry = "50ms"
longest_pause = "50ms"
[notify]
email = ["all@example.org"]
url = "https://triphammer.example.org"
[connections.smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
user = "me@example.org"
password = "secret:SMTP"
"""


def test_failure_and_recovery_reach_a_chat_and_a_mailbox_over_a_kill(make_daemon: Serve) -> None:
    with mail_server(password="hunter2hunter2") as mail, listening() as chat:
        mail.refusals += ["451 later"] * 3
        env = {
            "TRIPHAMMER_SECRETS__SLACK_URL": chat.url,
            "TRIPHAMMER_SECRETS__SMTP": "hunter2hunter2",
        }
        daemon = make_daemon({"report": FLOW}, settings(mail.port), env=env)
        daemon.post("/api/v1/flows/report/runs")
        [failed] = daemon.wait_for_runs("report", state="failed")
        daemon.wait_until(lambda: mail.attempts > 0 and chat.tries)
        daemon.kill()
        daemon.start()
        chat.opened = True
        daemon.wait_until(lambda: len(mail.mails) == 1 and len(chat.accepted) == 1)
        assert (mail.mails[0].to, mail.mails[0].login) == ("ops@example.org", "me@example.org")
        assert mail.mails[0].message["Subject"] == "report failed"
        assert f"https://triphammer.example.org/runs/{failed['id']}" in mail.mails[0].text
        assert set(chat.tries) == set(chat.accepted), "one message, under one id"
        daemon.post("/api/v1/flows/report/runs")
        daemon.wait_for_runs("report", 2, state="failed")
        (daemon.project / "mended").touch()
        daemon.post("/api/v1/flows/report/runs")
        daemon.wait_for_runs("report")
        daemon.wait_until(lambda: len(mail.mails) == 2 and len(chat.accepted) == 2)
        assert mail.mails[1].message["Subject"] == "report works again"
        (daemon.project / "mended").unlink()
        daemon.post("/api/v1/flows/others/runs")
        daemon.wait_until(lambda: len(mail.mails) == 3)
        assert (mail.mails[2].to, mail.mails[2].message["Subject"]) == (
            "all@example.org",
            "others failed",
        )
        stored = b"".join(
            file.read_bytes() for file in (daemon.project / ".triphammer").glob("*.db*")
        )
        assert b"hunter2hunter2" not in stored
        assert chat.url.encode() not in stored


def test_undeliverable_mail_is_a_dead_letter(make_daemon: Serve) -> None:
    with mail_server() as mail:
        mail.refuse_recipient = "550 no such user"
        text = settings(mail.port).replace('password = "secret:SMTP"\n', "")
        text = text.replace("user =", "sender =")
        daemon = make_daemon({"report": FLOW}, text)
        daemon.post("/api/v1/flows/others/runs")
        [dead] = daemon.wait_until(
            lambda: daemon.get("/api/v1/deadletters", kind="message")["items"]
        )
        assert (dead["target"], dead["flow"]) == ("all@example.org", "others")
        assert "550 no such user" in dead["reason"]


def test_a_run_without_daemon_prints_what_it_would_send(make_daemon: Serve) -> None:
    with mail_server() as mail:
        daemon = make_daemon({"report": FLOW}, settings(mail.port))
        done = subprocess.run(
            [sys.executable, "-m", "triphammer", "run", "report"],
            cwd=daemon.project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "email to ops@example.org: report failed" in done.stdout
        assert "webhook to secret:SLACK_URL: " in done.stdout
        assert "not sent" in done.stdout
        assert mail.attempts == 0
