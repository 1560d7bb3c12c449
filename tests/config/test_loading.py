"""Defaults < file < variables < flags, and what is said when something does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.errors import SettingsError
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.root import FILE
from triphammer.config.showing import short


def load(
    root: Path, text: str | None = None, flags: Mapping[str, Any] | None = None, **environ: str
) -> LoadedSettings:
    if text is not None:
        (root / FILE).write_text(text, encoding="utf-8")
    return load_settings(root, flags=flags, environ=environ)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.root == tmp_path
    assert loaded.settings.server.port == 8420
    assert loaded.origin(("server", "port")) == "default"


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    text = '[server]\nport = 1\nhost = "a"\n\n[limits]\nthreads = 5\nbody = "1MB"\n'
    variables = {"TRIPHAMMER_SERVER__PORT": "2", "triphammer_limits__threads": "6"}
    loaded = load(tmp_path, text, {"server.port": 3}, **variables)
    assert loaded.settings.server.port == 3
    assert loaded.settings.server.host == "a"
    assert loaded.settings.limits.threads == 6
    assert loaded.settings.limits.body == 1_000_000
    assert loaded.origin(("server", "port")) == "flag --port"
    assert loaded.origin(("server", "host")) == f"{tmp_path / FILE}:3"
    assert loaded.origin(("limits", "threads")) == "variable triphammer_limits__threads"
    assert loaded.origin(("limits", "body")) == f"{tmp_path / FILE}:7"
    assert loaded.origin(("limits", "log_lines")) == "default"


def test_the_root_is_the_nearest_folder_upwards_with_a_file(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / FILE).write_text("[server]\nport = 1\n", encoding="utf-8")
    loaded = load_settings(inner, environ={})
    assert loaded.root == tmp_path
    assert loaded.settings.server.port == 1


def test_a_named_file_decides_the_root(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "my.toml").write_text("[server]\nport = 7\n", encoding="utf-8")
    loaded = load_settings(tmp_path, config=other / "my.toml", environ={})
    assert (loaded.root, loaded.settings.server.port) == (other, 7)


def test_lists_and_open_tables_come_from_variables_too(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        '[connections.warehouse]\nhost = "db"\n',
        TRIPHAMMER_FLOWS__PATH='["lib", "more"]',
        TRIPHAMMER_CONNECTIONS__WAREHOUSE__PASSWORD="0123",
    )
    assert loaded.settings.flows.path == (Path("lib"), Path("more"))
    assert loaded.settings.connections == {"warehouse": {"host": "db", "password": "0123"}}


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        TRIPHAMMER_URL="http://somewhere",
        TRIPHAMMER_TEST_KAFKA="localhost:9092",
        TRIPHAMMER_SECRETS__Token="x",
        TRIPHAMMER_SECRETS__EMPTY="",
        TRIPHAMMER_KAFKA__BOOTSTRAP="",
        # What Kubernetes sets for services named triphammer and triphammer-server.
        TRIPHAMMER_PORT="tcp://10.0.0.1:8420",
        TRIPHAMMER_SERVICE_HOST="10.0.0.1",
        TRIPHAMMER_SERVER_PORT="tcp://10.0.0.1:8420",
        OTHER__THING="x",
    )
    assert loaded.origins == {}
    assert loaded.settings.kafka.bootstrap is None
    assert loaded.secrets == {"Token": "x"}


WRONG_FILES = [
    ("[server]\nprot = 1\n", ":2: there is no key server.prot; did you mean server.port?"),
    ("[limits]\nzzz = 1\n", ":2: there is no key limits.zzz; there are active_runs, "),
    ("[servr]\nport = 1\n", ":1: there is no section servr; did you mean server?"),
    ("[servr]\n", ":1: there is no section servr; did you mean server?"),
    ("port = 1\n", ":1: there is no key port; did you mean server.port?"),
    ("[server]\ntimezone = 'x'\n", ":2: there is no key server.timezone; did you mean flows.time"),
    ("server = 5\n", ":1: server is a table of keys, not a value; write [server]"),
    ("connections.wh = 5\n", ":1: connections.wh is a table of keys"),
    ("[server]\n\nport = 'x'\n", ":3: server.port = 'x': Input should be a valid integer"),
    ("[server]\nport = 70000\n", ":2: server.port = 70000: Input should be less than or equal to"),
    ("[limits]\nbody = '10 parsecs'\n", ":2: limits.body = '10 parsecs': '10 parsecs' is no size"),
    ("[server]\ndrain = 'soon'\n", ":2: server.drain = 'soon': 'soon' is no duration: write it "),
    ("[flows]\ntimezone = 'Mars'\n", ":2: flows.timezone = 'Mars': 'Mars' is no time zone; write"),
    ("[flows]\nreload = 'now'\n", ":2: flows.reload = 'now': Input should be 'watch', 'signal' or"),
    ("server = {port = 'x'}\n", ":1: server.port = 'x': "),
    ("[kafka]\nsasl_password = [1]\n", ":2: kafka.sasl_password: Input should be a valid string"),
    ("[server]\nport = \n", " is no TOML: "),
    (f"[server]\nport = {'1' * 5000}\n", " is no TOML: "),
    (f"[connections.a]\nx = {'[' * 5000}\n", " nests more than 50 tables and lists"),
    (f"connections.{'a.' * 5000}x = 1\n", " nests more than 50 tables and lists"),
    (f"[flows]\ntimezone = '{'a/' * 5000}'\n", ":2: flows.timezone = 'a/a/"),
    (f"[server]\n{'a' * 5000} = 1\n", ":2: there is no key server.aaa"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_FILES)
def test_a_wrong_file_is_named_with_line_and_cure(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert str(tmp_path / FILE) + message in str(caught.value)


def test_of_many_misfits_the_first_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "[server]\n" + "".join(f"a{n} = 1\n" for n in range(5000)))
    first, *_, last = str(caught.value).splitlines()
    assert "there is no key server.a0" in first
    assert last == "and 4980 more"


def test_all_misfits_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "[server]\nport = 'x'\nhsot = 'y'\n")
    assert len(str(caught.value).splitlines()) == 2


WRONG_VARIABLES = [
    ("TRIPHAMMER_SERVER__PROT", "1", ": there is no key server.prot; did you mean server.port?"),
    ("TRIPHAMMER_SERVR__PORT", "1", ": there is no section servr; did you mean server?"),
    ("TRIPHAMMER_SERVER__PORT", "x", ": server.port = 'x': "),
    ("TRIPHAMMER_SERVER__PORT__X", "1", ": server.port = {'x': '1'}: "),
    ("TRIPHAMMER_SERVER__", "1", ": there is no key server."),
    ("TRIPHAMMER_FLOWS__PATH", "lib", ": 'lib' is no list; write it as JSON"),
    ("TRIPHAMMER_SERVER_PORT", "1", " is not read; did you mean TRIPHAMMER_SERVER__PORT?"),
    ("TRIPHAMMER_SERVER", "{}", " is not read; did you mean TRIPHAMMER_SERVER__KEY?"),
    ("TRIPHAMMER_FLOWS__PATH", "[" * 5000, ": '[[["),
    ("TRIPHAMMER_CONNECTIONS__A", '{"a": ' * 60 + "1" + "}" * 60, " nests more than 50 tables"),
    ("TRIPHAMMER_CONNECTIONS" + "__A" * 60, "1", "__A__A nests more than 50 tables and lists"),
    ("TRIPHAMMER_CONNECTIONS__A", '{"a": {"b": "\\ud800"}}', ': \'{"a"'),
    ("TRIPHAMMER_SERVER__HOST", "\udcff", " is not UTF-8"),
    ("TRIPHAMMER_\udcff__HOST", "a", " is not UTF-8"),
    ("TRIPHAMMER_KAFKA__SSL_PASSWORD__A", "hunter2", ": kafka.ssl_password: Input should be"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG_VARIABLES)
def test_a_wrong_variable_is_named(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, environ={name: value})
    said = str(caught.value)
    assert said.startswith(f"variable {short(name)}"[:60])
    assert message in said
    assert "hunter2" not in said
    said.encode()


def test_a_wrong_flag_is_named_as_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^flag --port: server\.port = -1: "):
        load(tmp_path, flags={"server.port": -1})
    with pytest.raises(SettingsError, match=r"^flag --data: "):
        load(tmp_path, flags={"store.data": 5})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings file .*nowhere\.toml"):
        load_settings(tmp_path, config=tmp_path / "nowhere.toml", environ={})
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


@given(st.text(max_size=60))
def test_any_text_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(SettingsError):
        load_settings(file.parent, config=file, environ={})


def test_files_of_connections_are_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "triphammer.toml").write_text(
        '[kafka]\nssl_cafile = "tls/ca.pem"\nssl_keyfile = "/etc/key.pem"\n'
        '[connections.second]\nssl_certfile = "tls/cert.pem"\nbootstrap = "b:1"\n'
    )
    below = tmp_path / "deep"
    below.mkdir()
    settings = load_settings(below, environ={}).settings
    assert settings.kafka.ssl_cafile == tmp_path / "tls" / "ca.pem"
    assert settings.kafka.ssl_keyfile == Path("/etc/key.pem")
    assert settings.connections["second"] == {
        "ssl_certfile": str(tmp_path / "tls" / "cert.pem"),
        "bootstrap": "b:1",
    }


@pytest.mark.parametrize("text", ["kafka = 3", "connections = 3", "[connections]\nx = 3"])
def test_a_connection_that_is_no_table_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "triphammer.toml").write_text(text + "\n")
    with pytest.raises(SettingsError, match=r"triphammer\.toml"):
        load_settings(tmp_path, environ={})
