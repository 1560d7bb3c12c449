from __future__ import annotations

from typing import Any

from triphammer.service.web.graph_data import graph_data


def a_node(name: str, *upstream: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "groups": [],
        "kind": "task",
        "role": "",
        "mapped": False,
        "when": None,
    }
    return {"name": name, "upstream": list(upstream), **given, **more}


def test_a_graph_of_a_run_tells_states_and_counts() -> None:
    nodes = [a_node("rows"), a_node("enrich", "rows", mapped=True)]
    tasks = {"enrich": {"state": "running", "attempt": 2, "items": {"failed": 1}}}
    found = graph_data(nodes, tasks, link=lambda name: f"/to/{name}", selected="rows")
    rows, enrich = found["nodes"]
    assert (found["live"], found["selected"]) == (True, "rows")
    assert (rows["state"], rows["items"], rows["href"]) == ("pending", {}, "/to/rows")
    assert (enrich["state"], enrich["items"], enrich["attempt"]) == ("running", {"failed": 1}, 2)
    assert (enrich["up"], enrich["mapped"]) == (["rows"], True)


def test_a_graph_of_a_flow_has_no_states() -> None:
    found = graph_data([a_node("rows")])
    assert found["live"] is False
    assert (found["nodes"][0]["state"], found["nodes"][0]["href"]) == ("", "")


def test_names_are_told_within_their_group() -> None:
    nodes = [a_node("shop.pay", groups=["shop"]), a_node("s[]/in.a", groups=["s[]", "s[]/in"])]
    assert [node["label"] for node in graph_data(nodes)["nodes"]] == ["pay", "a"]


def test_what_ends_a_group_is_drawn_behind_the_last_of_it() -> None:
    nodes = [a_node("a"), a_node("b", "a"), a_node("down", "a", "b", role="teardown")]
    assert graph_data(nodes)["nodes"][2]["up"] == ["b"]
