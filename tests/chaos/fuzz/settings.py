"""Parsers of what operators and authors write: settings, durations, sizes, patterns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from tests.chaos.fuzz.kept import NOW
from tests.chaos.fuzz.target import Target
from triphammer.config.durations import format_duration, parse_duration
from triphammer.config.effective import effective
from triphammer.config.errors import DurationError, PatternError, SettingsError, SizeError
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.patterns import compile_pattern
from triphammer.config.root import FILE
from triphammer.config.secrets import Secrets
from triphammer.config.sizes import format_size, parse_size
from triphammer.sensors.codec import new_event
from triphammer.sensors.headers import Headers


def text_of(data: bytes) -> str:
    """As the operating system hands texts over: what is no UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _number(data: bytes) -> Any:
    """Texts that are numbers also count as numbers, however large."""
    text = text_of(data)
    digits = text.strip()
    if digits.isascii() and digits.isdigit():
        return 10 ** len(digits) if len(digits) > 400 else int(digits)
    try:
        return float(text)
    except ValueError:
        return text


def _duration(data: bytes) -> None:
    for value in (text_of(data), _number(data)):
        assert format_duration(parse_duration(value))


def _size(data: bytes) -> None:
    for value in (text_of(data), _number(data)):
        assert format_size(parse_size(value))


def _with_settings(load: Callable[[Path, bytes], LoadedSettings]) -> Callable[[bytes], None]:
    """What the settings are read for: to be shown, and to provide secrets."""

    def run(data: bytes) -> None:
        with TemporaryDirectory() as folder:
            loaded = load(Path(folder), data)
            for row in effective(loaded):
                assert "".join(row).encode()
            Secrets.of(loaded).mask("text")

    return run


def _file(root: Path, data: bytes) -> LoadedSettings:
    (root / FILE).write_bytes(data)
    return load_settings(root, environ={})


def _environ(root: Path, data: bytes) -> LoadedSettings:
    pairs = (line.partition("=") for line in text_of(data.replace(b"\0", b"")).split("\n"))
    return load_settings(root, environ={name: value for name, _, value in pairs if name})


EVENT = new_event(
    id="1",
    source="/s",
    type="order.created",
    data={"a": "x" * 60, "n": [1, 2.5, None, True, {"a": "y"}], "ip": "10.0.0.1", "b": b"\xff"},
    headers=Headers({"x-name": "v"}),
    extensions={"topic": "t"},
    now=NOW,
)


def _whole(digits: str) -> int:
    return int(digits) if len(digits) < 4000 else 10 ** len(digits)


def _has_regex(pattern: Any) -> bool:
    """Looked at value by value: Python prints no whole number of more than 4,300 digits."""
    left = [pattern]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            members = cast("dict[str, Any]", one)
            if "regex" in members:
                return True
            left.extend(members.values())
        elif isinstance(one, list):
            left.extend(cast("Sequence[Any]", one))
    return False


def _pattern(data: bytes) -> None:
    """JSON as Python reads it, with NaN, lone surrogates and any whole number."""
    try:
        pattern = json.loads(data.decode("utf-8", "surrogatepass"), parse_int=_whole)
    except (ValueError, RecursionError):
        return
    compiled = compile_pattern(pattern)
    if _has_regex(pattern):
        return  # an author's own expression may take as long as it likes: docs/limits.md
    assert compiled.matches(EVENT) is (compiled.why(EVENT) is None)


TARGETS = (
    Target(
        "durations",
        _duration,
        DurationError,
        "is no duration",
        (b"250ms", b"1h30m", b"2 days", b"1.5h", b"90", b"1w"),
        (b"1", b"0", b".", b"ms", b"s", b"m", b"h", b"d", b"w", b" ", b"-", b"e", b"days", b"5"),
    ),
    Target(
        "sizes",
        _size,
        SizeError,
        "is no size",
        (b"10MB", b"1GiB", b"512 kb", b"1.5MB", b"1000"),
        (b"1", b"0", b".", b"K", b"M", b"i", b"B", b" ", b"-", b"e9", b"TiB"),
    ),
    Target(
        "settings-file",
        _with_settings(_file),
        SettingsError,
        r"triphammer\.toml|variable|key|section",
        (
            b"[server]\nport = 1\nhost = 'a'\n[limits]\nbody = '1MB'\nthreads = 5\n",
            b"[flows]\npath = ['lib']\ntimezone = 'Europe/Berlin'\n[server]\ndrain = '1m'\n",
            b"[connections.wh]\npassword = 'secret:X'\nport = 1\n[sensors.s]\nevery = '1m'\n",
            b'[kafka]\nbootstrap = "a:1"\nsasl_password = "x"\nssl_cafile = "ca.pem"\n',
            b"[outbox]\nretry_factor = 2.0\nallow_private = false\n[retention]\nevents = 5\n",
        ),
        (
            b"[server]", b"[[server]]", b"[connections.a]", b"[connections]", b"\n", b"=", b"port",
            b"server.port", b"'", b'"', b'"""', b"1", b"1e9", b"nan", b"inf", b"0x", b"true",
            b"1979-05-27T07:32:00Z", b"07:32:00", b"{", b"}", b"[", b"]", b",", b"#", b".", b"\\u",
            b"password = ", b"timezone = '../../etc/passwd'", b"timezone = ''", b"body = 1",
        ),
        large=20_000,
    ),
    Target(
        "settings-environ",
        _with_settings(_environ),
        SettingsError,
        "variable|key|section",
        (
            b"TRIPHAMMER_SERVER__PORT=1\nTRIPHAMMER_LIMITS__BODY=1MB\nOTHER=x",
            b'TRIPHAMMER_FLOWS__PATH=["lib"]\nTRIPHAMMER_CONNECTIONS__WH__PASSWORD=x',
            b"TRIPHAMMER_SECRETS__TOKEN=x\nTRIPHAMMER_SERVER__DRAIN=1m",
            b'TRIPHAMMER_CONNECTIONS__WH={"port": 1}\ntriphammer_log__level=debug',
        ),
        (
            b"TRIPHAMMER_", b"SERVER", b"__", b"PORT", b"=", b"\n", b"FLOWS__PATH", b"CONNECTIONS",
            b"SECRETS__", b"[", b"]", b"{", b"}", b'"', b",", b"1", b"tcp://x", b"_", b"SENSORS",
            b"KAFKA__SASL_PASSWORD", b"RETENTION__EVENTS", b"OUTBOX__RETRY_FACTOR", b"nan",
        ),
    ),
    Target(
        "patterns",
        _pattern,
        PatternError,
        "pattern|[a-z]+|\\$or",
        (
            b'{"data": {"a": ["x", {"prefix": "x"}, {"suffix": {"equals-ignore-case": "X"}}]}}',
            b'{"type": [{"wildcard": "order.*"}], "headers": {"X-Name": [{"exists": false}]}}',
            b'{"data": {"n": [{"numeric": [">", 0, "<=", 5]}]}, "topic": [{"anything-but": "t"}]}',
            b'{"$or": [{"id": ["1"]}, {"data": {"ip": [{"cidr": "10.0.0.0/8"}, null, true, 1]}}]}',
            b'{"subject": [{"anything-but": {"prefix": ["a"]}}], "source": [{"regex": "^/s"}]}',
            b'{"data": {"a": [{"wildcard": "*x*x*x*x*x*x*x*x*x*x*x*y"}]}}',
        ),
        (
            b'{"data": ', b'{"a": ', b'{"$or": [', b'["x"]', b'[{"wildcard": "', b"*", b"\\\\",
            b'"}]', b"}", b"]", b"{", b"[", b",", b":", b'"', b'"regex"', b'"cidr"', b'"numeric"',
            b'"anything-but"', b'"exists"', b'"<"', b"10.0.0.0/8", b"::/0", b"(", b"[a", b"?", b"x",
        ),
    ),
)  # fmt: skip
