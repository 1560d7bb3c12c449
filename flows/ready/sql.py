"""`sql`: a statement on a database, through any driver of Python's DB-API 2.0 (PEP 249)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, time
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from triphammer.flows.context import TaskContext, context
from triphammer.flows.errors import NotInTask, ValueMisfit
from triphammer.flows.kinds import is_mapping
from triphammer.flows.task import task

DRIVER = "driver"
"""The field of a connection that names the module; the other fields are what it connects with."""


@task(name="sql")
def sql(
    connection: Any,
    statement: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    many: bool = False,
) -> dict[str, Any]:
    """Execute one statement in a transaction of its own.

    `connection` is `connection("warehouse")`: its field `driver` names the module (`sqlite3`,
    `psycopg`, `pymysql`, ...), the others go to the module's `connect`. Placeholders are the
    driver's. With `many=True` `params` is a list, one entry an execution. The result is
    `{"rows": [{column: value}], "count": rows touched}`; times, UUIDs and decimals come as
    text. Raises what the driver raises, `ValueMisfit` for a connection that names no driver.
    """
    about = context()
    fields = _fields(about, connection)
    driver = _driver(fields)
    with closing(driver.connect(**_options(about, fields))) as raw, closing(raw.cursor()) as cursor:
        try:
            if many:
                cursor.executemany(statement, params)
            else:
                cursor.execute(statement, params)
            found = _rows(cursor)
            raw.commit()
        except BaseException:
            raw.rollback()
            raise
        return {"rows": found, "count": len(found) if cursor.description else cursor.rowcount}


def _fields(about: TaskContext, connection: Any) -> Mapping[str, Any]:
    if not is_mapping(connection):
        raise ValueMisfit(f'sql() got {connection!r}: its first argument is connection("NAME")')
    if about.contained and connection.get(DRIVER) != "sqlite3":
        raise NotInTask(
            f"{about.task} would connect to a database, and nothing leaves the testing kit: give "
            "simulate(..., overrides={sql: a function in its place})"
        )
    return connection


def _driver(fields: Mapping[str, Any]) -> Any:
    name = fields.get(DRIVER)
    if not isinstance(name, str):
        raise ValueMisfit(
            f'the connection names no driver: add `{DRIVER} = "psycopg"` or another module of '
            "Python's DB-API to its table in triphammer.toml"
        )
    try:
        module = import_module(name)
    except ImportError as error:
        raise ValueMisfit(f"the driver {name!r} is not installed: {error}") from error
    if not callable(getattr(module, "connect", None)):
        raise ValueMisfit(f"the driver {name!r} is no database module: it has no connect()")
    return module


def _options(about: TaskContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in fields.items() if name != DRIVER}
    place = options.get("database")
    if fields[DRIVER] == "sqlite3" and isinstance(place, str) and _is_relative(place):
        options["database"] = str(about.root / place)
    return options


def _is_relative(place: str) -> bool:
    return not place.startswith((":", "file:")) and not Path(place).is_absolute()


def _rows(cursor: Any) -> list[dict[str, Any]]:
    if not cursor.description:
        return []
    names = [column[0] for column in cursor.description]
    return [
        {name: _plain(name, value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _plain(name: str, value: Any) -> Any:
    """A value that is the same after it was stored."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueMisfit(f"the column {name!r} holds bytes: encode them in the statement")
    return value
