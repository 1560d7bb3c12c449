from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from triphammer.sensors.custom import CustomSensor
from triphammer.sensors.errors import SourceError
from triphammer.sensors.registry import GROUP, sensor_kind
from triphammer.sensors.timers.sensor import TimerSensor
from triphammer.sensors.webhook.sensor import WebhookSensor


def install(folder: Path, name: str, points: str) -> None:
    """Put a package that provides sensor kinds into `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_built_in_kinds_come_through_the_door_of_plugins() -> None:
    assert sensor_kind("webhook") is WebhookSensor
    assert sensor_kind("timer") is TimerSensor
    assert sensor_kind("custom") is CustomSensor
    names = {point.name for point in entry_points(group=GROUP)}
    assert {"files", "kafka", "webhook", "timer", "custom"} <= names


def test_every_entry_point_names_its_own_kind() -> None:
    for point in entry_points(group=GROUP):
        assert sensor_kind(point.name).kind == point.name


def test_an_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(SourceError, match=r"no sensor of kind 'mqtt'; installed are: custom, "):
        sensor_kind("mqtt")


def test_a_plug_in_is_found(plugins: Path) -> None:
    install(plugins, "acme", "acme = triphammer.sensors.custom:CustomSensor")
    assert sensor_kind("acme") is CustomSensor


def test_a_kind_that_two_packages_provide_is_refused(plugins: Path) -> None:
    install(plugins, "acme", "timer = acme.sensor:AcmeSensor")
    with pytest.raises(SourceError, match="'timer' is provided more than once: acme"):
        sensor_kind("timer")


@pytest.mark.parametrize("value", ["no_such_module_at_all:X", "triphammer.sensors.custom:Gone"])
def test_a_kind_that_cannot_be_loaded_says_why(plugins: Path, value: str) -> None:
    install(plugins, "acme", f"acme = {value}")
    with pytest.raises(SourceError, match=f"'acme' .{value}. cannot be loaded"):
        sensor_kind("acme")
