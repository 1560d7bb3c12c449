"""What `config/deploy/` brings for Prometheus and Grafana asks for metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.house.tracked import ROOT
from triphammer.service.metrics import Family
from triphammer.service.telemetry.families import ALL

DEPLOY = ROOT / "config" / "deploy"
FAMILIES = {family.name: family for family in ALL}
SERIES = {
    family.name + end: family
    for family in ALL
    for end in (("_bucket", "_sum", "_count") if family.type == "histogram" else ("",))
}
PROMETHEUS_OWN = {"job", "instance"}
"""Labels that the scrape gives to every series."""
METRIC = re.compile(r"\b((?:triphammer|process)_\w+)(?:\{([^}]*)\})?(\[)?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
BY = re.compile(r"\bby \(([^)]*)\)")
ROWS = [
    "Overview", "Events", "Runs", "Tasks", "Outbox", "Sensors", "Store", "HTTP", "Process",
]  # fmt: skip


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text())
    return found


def panels() -> Iterator[dict[str, Any]]:
    yield from dashboard()["panels"]


def dashboard_queries() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))


def rules() -> Iterator[dict[str, Any]]:
    loaded: Any = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())
    for group in loaded["groups"]:
        yield from group["rules"]


def check(query: str) -> None:
    """Raises AssertionError where a query names what there is not."""
    assert query.count("(") == query.count(")"), query
    assert query.count("{") == query.count("}"), query
    known = set(PROMETHEUS_OWN)
    used = list(METRIC.finditer(query))
    assert used or "up{" in query, query
    for metric, matchers, ranged in (found.groups() for found in used):
        assert metric in SERIES, f"{metric} in {query}"
        family = SERIES[metric]
        labels = {*family.labels, *PROMETHEUS_OWN}
        given = dict(MATCHER.findall(matchers or ""))
        assert given.keys() <= labels, f"{given.keys() - labels} of {metric}"
        assert MATCHER.sub("", matchers or "").strip(" ,") == "", query
        known |= labels | ({"le"} if metric.endswith("_bucket") else set())
        check_use(family, metric, query, ranged=bool(ranged))
    for labels in BY.findall(query):
        asked = {label.strip() for label in labels.split(",")}
        assert asked <= known, f"{asked - known} in {query}"


def check_use(family: Family, metric: str, query: str, *, ranged: bool) -> None:
    """A counter is told as a rate, a gauge as it is."""
    if family.type == "gauge":
        assert not ranged or "deriv(" in query, query
    else:
        assert ranged, f"{metric} grows for ever: {query}"
    if metric.endswith("_bucket"):
        assert "histogram_quantile(" in query, query


@pytest.mark.parametrize("query", sorted(set(dashboard_queries())))
def test_every_query_of_the_dashboard(query: str) -> None:
    check(query)


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule["alert"])
def test_every_alert(rule: Mapping[str, Any]) -> None:
    check(rule["expr"])
    assert re.fullmatch(r"Triphammer[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    names = [found[1] for found in METRIC.finditer(rule["expr"])]
    assert told <= {*PROMETHEUS_OWN, *(label for name in names for label in SERIES[name].labels)}


@pytest.mark.parametrize(
    "wrong",
    [
        "triphammer_runs_finished_total",
        'sum(rate(triphammer_runs_ended_total{task="x"}[5m]))',
        "sum by (task) (rate(triphammer_runs_ended_total[5m]))",
        "triphammer_runs_ended_total",
        "rate(triphammer_run_duration_seconds[5m])",
        "rate(triphammer_runs_active[5m])",
    ],
)
def test_a_query_that_finds_nothing_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        check(wrong)


def test_every_metric_stands_on_the_dashboard() -> None:
    shown = {SERIES[found[1]].name for q in dashboard_queries() for found in METRIC.finditer(q)}
    assert FAMILIES.keys() - shown == set()


def test_the_dashboard_is_well_formed() -> None:
    found = dashboard()
    assert found["schemaVersion"] == 39
    assert "id" not in found  # Grafana gives it
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert titles == ROWS
    names = {variable["name"] for variable in found["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w+)", json.dumps(found)))
    assert used == names
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_takes_its_data_from_the_variable() -> None:
    for panel in panels():
        if panel["type"] == "row":
            continue
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for source in (panel["datasource"], *(t["datasource"] for t in panel["targets"])):
            assert source == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


def test_the_scrape_configuration_finds_the_alerts() -> None:
    loaded: Any = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert all((DEPLOY / file).exists() for file in loaded["rule_files"])
    [job] = loaded["scrape_configs"]
    assert job["job_name"] == "triphammer"
