"""The pattern language told a second time, slowly and without compiling: what tests compare with.

An event is flattened to a list of (path, leaf), as Amazon EventBridge describes it.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any


def flatten(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        rows: list[tuple[tuple[str, ...], Any]] = []
        for key, item in value.items():
            name = key.lower() if path == ("headers",) else key
            rows += flatten(item, (*path, name))
        return rows
    if isinstance(value, list):
        return [row for item in value for row in flatten(item, path)]
    return [(path, value)]


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    return holds(pattern, flatten(event), ())


def holds(pattern: dict[str, Any], rows: list[Any], above: tuple[str, ...]) -> bool:
    for name, asked in pattern.items():
        if name == "$or":
            ok = any(holds(one, rows, above) for one in asked)
        elif isinstance(asked, dict):
            ok = holds(asked, rows, (*above, name.lower() if above == ("headers",) else name))
        else:
            path = (*above, name.lower() if above == ("headers",) else name)
            values = [value for at, value in rows if at == path]
            ok = any(accepts(member, values) for member in asked)
        if not ok:
            return False
    return True


def accepts(member: Any, values: list[Any]) -> bool:
    if isinstance(member, dict) and "exists" in member:
        return bool(values) == member["exists"]
    return any(one(member, value) for value in values)


def one(member: Any, value: Any) -> bool:
    if not isinstance(member, dict):
        return equal(member, value)
    ((name, operand),) = member.items()
    if name == "anything-but":
        if isinstance(operand, dict):
            ((inner, listed),) = operand.items()
            listed = listed if isinstance(listed, list) else [listed]
            return not any(one({inner: item}, value) for item in listed)
        listed = operand if isinstance(operand, list) else [operand]
        return not any(equal(item, value) for item in listed)
    if name == "numeric":
        return number(value) and all(
            compare(operand[at], value, operand[at + 1]) for at in range(0, len(operand), 2)
        )
    return isinstance(value, str) and text(name, operand, value)


def text(name: str, operand: Any, value: str) -> bool:
    if isinstance(operand, dict):
        operand, value = operand["equals-ignore-case"].lower(), value.lower()
    if name == "prefix":
        return value[: len(operand)] == operand
    if name == "suffix":
        return operand == "" or value[-len(operand) :] == operand
    if name == "equals-ignore-case":
        return value.lower() == operand.lower()
    if name == "wildcard":
        return fnmatchcase(value, operand)  # the tests' alphabet has no ? and no [
    assert name == "cidr"
    try:
        return ip_address(value) in ip_network(operand)
    except ValueError:
        return False


def equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compare(sign: str, value: float, bound: float) -> bool:
    return {
        "<": value < bound,
        "<=": value <= bound,
        "=": value == bound,
        ">=": value >= bound,
        ">": value > bound,
    }[sign]
