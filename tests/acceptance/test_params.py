"""Parameters over HTTP: their schema, the form, and what does not fit."""

from __future__ import annotations

import httpx

from tests.acceptance.conftest import Serve

FLOWS = {
    "sized": """
from typing import Annotated, Literal

from pydantic import Field

from triphammer import flow, task


@task
def told(size: int, side: str, rows: list) -> str:
    return f"{size} {side} {rows}"


@flow
def sized(
    size: Annotated[int, Field(gt=0, description="how many")],
    side: Literal["left", "right"] = "left",
    rows: list[int] = [],
):
    return told(size, side, rows)
""",
}


def test_the_schema_is_served_and_wrong_values_are_named_each(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    schema = daemon.get("/api/v1/flows/sized")["params_schema"]
    assert schema["required"] == ["size"]
    assert schema["properties"]["size"]["description"] == "how many"
    shown = daemon.cli("show", "sized").stdout
    assert "how many" in shown
    wrong = {"params": {"size": 0, "side": "up", "sides": 1}}
    answer = daemon.post("/api/v1/flows/sized/runs", json=wrong)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    where = [error["where"] for error in problem["errors"]]
    assert where == ["params.sides", "params.size", "params.side"]
    assert "greater than 0" in problem["errors"][1]["problem"]
    started = daemon.cli("start", "sized", "--param", "size=0", "--param", "side=up")
    assert started.returncode == 1
    assert "'size'" in started.stderr
    assert "'side'" in started.stderr
    assert daemon.runs() == []


def test_the_form_starts_a_run_and_says_what_is_wrong(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    assert 'name="size"' in daemon.text("/flows/sized")
    form = daemon.url + "/flows/sized/runs"
    wrong = httpx.post(form, data={"size": "-3", "side": "right"}, trust_env=False)
    assert wrong.status_code == 422
    assert "greater than 0" in wrong.text
    assert 'value="-3"' in wrong.text
    assert "<option selected>right" in wrong.text
    foreign = {"sec-fetch-site": "cross-site"}
    refused = httpx.post(form, data={"size": "1"}, headers=foreign, trust_env=False)
    assert refused.status_code == 403
    assert httpx.post(daemon.url + "/flows/nothing/runs", trust_env=False).status_code == 404
    assert daemon.runs() == []
    good = {"size": "2", "side": "", "rows": "[1, 2]"}
    begun = httpx.post(form, data=good, trust_env=False)
    assert begun.status_code == 303
    run = daemon.wait_for_runs("sized")[0]
    assert begun.headers["location"] == f"/runs/{run['id']}"
    assert run["result"] == "2 left [1, 2]"
