"""Commands about sensors: list them, let one take nothing for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from triphammer.service.cli.completing import sensor_ids
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import Moment, print_json, print_table

if TYPE_CHECKING:
    from triphammer.service.web.looking_models import Sensor

COLUMNS = ("SENSOR", "STATE", "FLOWS", "EVENTS", "LAST", "BEHIND", "NEXT FIRE", "WHY")
SensorId = Annotated[
    str, typer.Argument(help="A sensor, by its whole id.", autocompletion=sensor_ids)
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        help="List the sensors; `pause` lets one take nothing until `resume`.",
        invoke_without_command=True,
    )
    group.callback()(reports_errors(sensors))
    group.command()(reports_errors(pause))
    group.command()(reports_errors(resume))
    app.add_typer(group, name="sensors")


def sensors(context: typer.Context, url: Url = URL, json: AsJson = False) -> None:
    """List the sensors: how far each has come and is behind, and what is wrong."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as daemon:
        answer = daemon.sensors().page()
    if json:
        print_json(answer)
        return
    rows = [
        (
            sensor["id"],
            _state(sensor),
            ", ".join(sensor["flows"]),
            sensor["events"],
            Moment(sensor["last"][0]["at"] if sensor["last"] else ""),
            sensor["behind"],
            Moment(sensor["next_fire"] or ""),
            sensor["reason"],
        )
        for sensor in answer["items"]
    ]
    print_table(COLUMNS, rows, "No flow has a source that is watched.")


def pause(sensor: SensorId, url: Url = URL, json: AsJson = False) -> None:
    """Let a sensor take nothing until it is resumed; what happens meanwhile waits at its
    source."""
    with connect(url) as daemon:
        _tell(daemon.pause_sensor(sensor), json=json)


def resume(sensor: SensorId, url: Url = URL, json: AsJson = False) -> None:
    """Let a paused sensor go on where it was."""
    with connect(url) as daemon:
        _tell(daemon.resume_sensor(sensor), json=json)


def _tell(sensor: Sensor, *, json: bool) -> None:
    if json:
        print_json(sensor)
    else:
        typer.echo(f"{sensor['id']}: {_state(sensor)}")


def _state(sensor: Sensor) -> str:
    if sensor["paused"]:
        return "paused"
    return "ok" if sensor["reason"] is None else "failed"
