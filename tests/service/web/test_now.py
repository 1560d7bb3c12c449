"""Failures that are alike are told once."""

from __future__ import annotations

from typing import Any

from triphammer.service.web.console.now import alike


def failed(id: str, flow: str, message: str | None) -> Any:
    return {"id": id, "flow": flow, "reason": message}


def test_the_newest_of_those_alike_stands_for_them() -> None:
    runs = [
        failed("4", "a", "down"),
        failed("3", "b", "down"),
        failed("2", "a", "down"),
        failed("1", "a", "other"),
        failed("0", "a", None),
    ]
    assert [(run["id"], times) for run, times in alike(runs)] == [
        ("4", 2),
        ("3", 1),
        ("1", 1),
        ("0", 1),
    ]
