"""The pattern language told a second time, slowly and without compiling: what tests compare with.

An event is flattened to a list of (path, leaf), as Amazon EventBridge describes it.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any, TypeGuard

Path = tuple[str, ...]
Row = tuple[Path, Any]
Table = dict[str, Any]


def is_table(value: Any) -> TypeGuard[Table]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def below(path: Path, name: str) -> Path:
    return (*path, name.lower() if path == ("headers",) else name)


def flatten(value: Any, path: Path = ()) -> list[Row]:
    if is_table(value):
        return [row for name, item in value.items() for row in flatten(item, below(path, name))]
    if is_list(value):
        return [row for item in value for row in flatten(item, path)]
    return [(path, value)]


def matches(pattern: Table, event: Table) -> bool:
    return holds(pattern, flatten(event), ())


def holds(pattern: Table, rows: list[Row], above: Path) -> bool:
    return all(asks(name, asked, rows, above) for name, asked in pattern.items())


def asks(name: str, asked: Any, rows: list[Row], above: Path) -> bool:
    if name == "$or":
        return any(holds(one, rows, above) for one in asked)
    path = below(above, name)
    if is_table(asked):
        return holds(asked, rows, path)
    values = [value for at, value in rows if at == path]
    return any(accepts(member, values) for member in asked)


def accepts(member: Any, values: list[Any]) -> bool:
    if is_table(member) and "exists" in member:
        return bool(values) is member["exists"]
    return any(one(member, value) for value in values)


def one(member: Any, value: Any) -> bool:
    if not is_table(member):
        return equal(member, value)
    ((name, operand),) = member.items()
    if name == "anything-but":
        return not any(one(item, value) for item in excluded(operand))
    if name == "numeric":
        pairs: list[tuple[str, float]] = list(zip(operand[::2], operand[1::2], strict=True))
        return number(value) and all(compare(sign, value, bound) for sign, bound in pairs)
    return isinstance(value, str) and text(name, operand, value)


def excluded(operand: Any) -> list[Any]:
    if is_table(operand):
        ((name, inner),) = operand.items()
        return [{name: item} for item in (inner if is_list(inner) else [inner])]
    return operand if is_list(operand) else [operand]


def text(name: str, operand: Any, value: str) -> bool:
    if is_table(operand):
        return text(name, operand["equals-ignore-case"].lower(), value.lower())
    asked = str(operand)
    if name == "prefix":
        return value[: len(asked)] == asked
    if name == "suffix":
        return asked == "" or value[-len(asked) :] == asked
    if name == "equals-ignore-case":
        return value.lower() == asked.lower()
    if name == "wildcard":
        return fnmatchcase(value, asked)  # the tests' alphabet has no ? and no [
    assert name == "cidr"
    try:
        return ip_address(value) in ip_network(asked)
    except ValueError:
        return False


def equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compare(sign: str, value: float, bound: float) -> bool:
    return {
        "<": value < bound,
        "<=": value <= bound,
        "=": value == bound,
        ">=": value >= bound,
        ">": value > bound,
    }[sign]
