"""Values come back as they were, or are refused with the reason and the cure."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.support import MemoryArtifacts, an_event
from triphammer.flows.codec import (
    LARGE,
    convert,
    decode,
    decode_json_safe,
    encode,
    to_json,
    to_plain,
)
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.journal import Encoded
from triphammer.flows.kinds import is_array, is_mapping
from triphammer.sensors.event import Event

T = TypeVar("T")


@dataclass
class Point:
    x: int
    path: Path = Path("p")


@dataclass
class Loose:
    anything: Any


@dataclass
class Tree:
    """A field that msgspec does not know, and itself."""

    place: str | Path
    below: list[Tree]
    note: str = "none"


class Record(msgspec.Struct):
    a: int


class Box(msgspec.Struct, Generic[T]):
    value: T


class Model(pydantic.BaseModel):
    a: int
    at: datetime | None = None


class Other(pydantic.BaseModel):
    b: int


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Row(TypedDict):
    a: int


class Pair(NamedTuple):
    a: int
    b: str


class Thing:
    """Like an array, a frame or a model: JSON cannot hold it."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.x == self.x

    __hash__ = None  # type: ignore[assignment]


class Odd:
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


class Touchy:
    """A struct-like value whose comparison is no bool: numpy's arrays do so."""

    def __eq__(self, other: object) -> Any:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


def there_and_back(value: Any, annotation: Any = Any) -> tuple[Encoded, Any]:
    artifacts = MemoryArtifacts()
    encoded = encode(value, annotation, artifacts)
    return encoded, decode(encoded, annotation, artifacts)


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types all the way down; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if is_mapping(one):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if is_array(one):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)  # fmt: skip
python_values = st.recursive(
    plain | st.floats() | st.binary() | st.datetimes() | st.sampled_from([Color.RED, Level.LOW])
    | st.integers(-5, 5).map(Thing),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.integers(), inner)
        | st.dictionaries(st.text(), inner)
    ),
    max_leaves=10,
)  # fmt: skip


@given(plain)
def test_what_json_can_hold_comes_back_the_same(value: Any) -> None:
    encoded, back = there_and_back(value)
    assert encoded.kind == "json"
    assert same(value, back)
    assert same(decode_json_safe(encoded), value)


@given(python_values)
def test_without_an_annotation_a_value_comes_back_the_same_or_is_refused(value: Any) -> None:
    try:
        encoded, back = there_and_back(value)
    except ValueMisfit:
        return
    assert same(value, back), encoded
    msgspec.json.encode(decode_json_safe(encoded))


@given(python_values)
def test_behind_a_loose_annotation_too(value: Any) -> None:
    for annotation, wrapped in ((dict[str, Any], {"k": value}), (list, [value])):
        try:
            _, back = there_and_back(wrapped, annotation)
        except ValueMisfit:
            continue
        assert same(wrapped, back)


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (tuple[int, str], st.tuples(st.integers(), st.text(st.characters(codec="utf-8")))),
        (dict[int, float], st.dictionaries(st.integers(), st.floats())),
        (list[float | None], st.lists(st.floats() | st.none())),
        (set[int], st.sets(st.integers())),
        (bytes, st.binary()),
        (datetime, st.datetimes(timezones=st.just(UTC))),
        (date, st.dates()),
        (timedelta, st.timedeltas(timedelta(-9999), timedelta(9999))),
        (UUID, st.uuids()),
        (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
        (Point, st.builds(Point, st.integers(), st.just(Path("a/b")))),
        (list[Record], st.lists(st.builds(Record, st.integers()))),
        (Box[tuple[int, int]], st.builds(Box, st.tuples(st.integers(), st.integers()))),
        (Model, st.builds(Model, a=st.integers(), at=st.none())),
        (Model | Other, st.builds(Model, a=st.integers(), at=st.none()) | st.builds(Other)),
        (list[Record | Point], st.lists(st.builds(Record) | st.builds(Point, st.integers()))),
        (Tree, st.builds(Tree, st.just(Path("x")) | st.just("y"), st.just([Tree("z", [])]))),
        (Pair, st.builds(Pair, st.integers(), st.just("x"))),
        (Row, st.fixed_dictionaries({"a": st.integers()})),
        (Color, st.just(Color.RED)),
        (str | Path, st.just("x") | st.just(Path("y"))),
        (tuple[Path | str, ...], st.lists(st.just(Path("y"))).map(tuple)),
        (dict[str, Path | str], st.dictionaries(st.just("k"), st.just(Path("y")))),
    ],
    ids=str,
)
def test_with_an_annotation_a_value_comes_back_the_same(annotation: Any, values: Any) -> None:
    @settings(max_examples=30)
    @given(values)
    def check(value: Any) -> None:
        encoded, back = there_and_back(value, annotation)
        assert same(value, back), encoded
        msgspec.json.encode(decode_json_safe(encoded))

    check()


REFUSED: list[tuple[Any, Any, str]] = [
    ((1, 2), Any, "is a tuple, which JSON gives back as a list: annotate what the task returns"),
    ({1: 2}, Any, "is a dict with the key 1, which JSON gives back as text"),
    (math.nan, Any, "is nan, which JSON cannot hold"),
    ([math.inf], Any, "has at [0] inf, which JSON cannot hold"),
    ({1, 2}, Any, "is a set, which JSON gives back as a list"),
    ({"a": [(1,)]}, Any, "has at ['a'][0] a tuple"),
    ({"a": (1,)}, dict[str, Any], "has at ['a'] a tuple"),
    (datetime(2026, 1, 1), Any, "is a datetime, which JSON would give back changed"),
    (b"x", Any, "is a bytes, which JSON would give back changed"),
    (Color.RED, Any, "is a Color, which JSON would give back changed"),
    (Level.LOW, Any, "is a Level, which JSON would give back changed"),
    (Point(1), Any, "is a Point, which JSON gives back as a dict: annotate what the task"),
    (Record(1), Any, "is a Record, which JSON gives back as a dict"),
    (Model(a=1), Any, "is a Model, which JSON would give back changed: annotate"),
    ([Thing(1), Model(a=1)], Other, "does not fit its annotation"),
    (Loose((1,)), Loose, "would come back from JSON as Loose(anything=[1])"),
    (Loose(Level.LOW), Loose, "would come back from JSON as Loose(anything=1)"),
    ("5", int, "does not fit its annotation: Expected `int`, got `str`; the value is '5'"),
    (True, int, "does not fit its annotation: Expected `int`, got `bool`"),
    (3, None, "does not fit its annotation: Expected `null`, got `int`"),
    ({"a": "x"}, Model, "does not fit its annotation: Input should be a valid integer"),
    (Thing(1), int, "does not fit its annotation: Expected `int`, got `Thing`"),
    (lambda: 1, Any, "is a function and cannot be stored"),
    ((x for x in [1]), Any, "is a generator and cannot be stored"),
    (Odd(), Any, "is a Odd and cannot be stored: not me"),
    (1, "nonsense", "nothing can be converted to nonsense"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), REFUSED)
def test_what_cannot_be_stored_says_why(value: Any, annotation: Any, message: str) -> None:
    with pytest.raises(ValueMisfit) as caught:
        encode(value, annotation, MemoryArtifacts(), name="the result of parse")
    assert message in str(caught.value)
    if annotation != "nonsense":
        assert str(caught.value).startswith("the result of parse ")


@pytest.mark.parametrize("annotation", [Any, Thing, list[Thing], Thing | None])
def test_other_objects_go_to_the_artifact_store(annotation: Any) -> None:
    value: Any = [Thing(3)] if annotation == list[Thing] else Thing(3)
    artifacts = MemoryArtifacts()
    encoded = encode(value, annotation, artifacts)
    assert encoded.kind == "artifact"
    assert decode(encoded, annotation, artifacts) == value
    shown = decode_json_safe(encoded)
    kind = "builtins.list" if isinstance(value, list) else f"{Thing.__module__}.Thing"
    assert shown == {"type": kind, "size": len(artifacts.content[encoded.body.decode()])}


def test_pages_never_unpickle() -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return pytest.fail, ("unpickled",)

    body = pickle.dumps(Bomb())
    assert decode_json_safe(Encoded("pickle", body)) == {"type": "object", "size": len(body)}


def test_a_large_value_goes_to_the_artifact_store_as_json() -> None:
    artifacts = MemoryArtifacts()
    value = ["x" * LARGE]
    encoded = encode(value, list[str], artifacts)
    assert (encoded.kind, encoded.media.partition(";")[0]) == ("artifact", "json")
    assert decode(encoded, list[str], artifacts) == value
    assert decode_json_safe(encoded) == {"type": "json", "size": LARGE + 4}


def test_numpys_single_numbers_are_numbers() -> None:
    class Number:
        def item(self) -> float:
            return 1.5

    Number.__module__ = "numpy"
    assert there_and_back(Number(), float)[1] == 1.5
    with pytest.raises(ValueMisfit, match=r"is a .*Number, which JSON would give back changed"):
        there_and_back(Number())


def test_a_comparison_that_raises_is_no_harm() -> None:
    artifacts = MemoryArtifacts()
    encoded = encode(Loose(Touchy()), Any, artifacts)
    assert encoded.kind == "artifact"


def test_stored_values_that_no_longer_fit_are_a_misfit() -> None:
    with pytest.raises(ValueMisfit, match="a stored value does not fit int: Expected `int`"):
        decode(Encoded("json", b'"x"'), int, MemoryArtifacts())


def test_messagepack_is_shown_as_json() -> None:
    value = {"n": math.nan, "t": (1, math.inf), "x": None}
    encoded = encode(value, dict[str, float | tuple[int, float] | None], MemoryArtifacts())
    assert encoded.kind == "msgpack"
    assert decode_json_safe(encoded) == {"n": "nan", "t": [1, "inf"], "x": None}
    keys = encode({1: math.nan}, dict[int, float], MemoryArtifacts())
    assert decode_json_safe(keys) == {"1": "nan"}


CONVERTED: list[tuple[Any, Any, Any]] = [
    ("a/b", Path, Path("a/b")),
    (Path("a"), Path, Path("a")),
    ("2026-01-02T03:04:05Z", datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02 03:04", datetime, datetime(2026, 1, 2, 3, 4)),
    (datetime(2026, 1, 2), datetime, datetime(2026, 1, 2)),
    ("2026-01-02", date, date(2026, 1, 2)),
    ("b5a2c7d8-0000-4000-8000-000000000000", UUID, UUID("b5a2c7d8-0000-4000-8000-000000000000")),
    ("1.50", Decimal, Decimal("1.50")),
    ({"x": 1, "path": "q"}, Point, Point(1, Path("q"))),
    ({"a": 1}, Record, Record(1)),
    ({"a": 1, "at": None}, Model, Model(a=1)),
    ([{"a": 1}], list[Model], [Model(a=1)]),
    ({"k": {"x": 2}}, dict[str, Point], {"k": Point(2)}),
    ({"b": 1}, Model | Other, Other(b=1)),
    (Other(b=1), Model | Other, Other(b=1)),
    (None, int | None, None),
    ("red", Color, Color.RED),
    ("a", Literal["a", "b"], "a"),
    (1, float, 1.0),
    ([1, 2], tuple[int, int], (1, 2)),
    ([1, 1], set[int], {1}),
    ([1], list, [1]),
    ("x", Any, "x"),
    (None, type(None), None),
    (Thing(1), Thing, Thing(1)),
    ({"k": Thing(1)}, dict[str, Any], {"k": Thing(1)}),
    (["a", "b"], list[Path | str], ["a", "b"]),
    ("a", Annotated[Path | str, "a note"], "a"),
    ({"place": "a", "below": [{"place": "b", "below": []}]}, Tree, Tree("a", [Tree("b", [])])),
    (Tree("a", []), Tree, Tree("a", [])),
    ({"a"}, frozenset[Path | str], frozenset({"a"})),
    (["a"], set[Path | str], {"a"}),
    (["a", 1], tuple[Path | str, int], ("a", 1)),
    ({"k": "v"}, dict[str, Path | str], {"k": "v"}),
    (5, Annotated[int, pydantic.Field(gt=1)], 5),
    ([5], list[Annotated[int, pydantic.Field(gt=1)]], [5]),
    (5, Annotated[int, {"unhashable": "metadata"}], 5),
]


@pytest.mark.parametrize(("value", "annotation", "expected"), CONVERTED, ids=str)
def test_arguments_are_converted(value: Any, annotation: Any, expected: Any) -> None:
    converted = convert(value, annotation, name="x")
    assert same(converted, expected)


MISFITS: list[tuple[Any, Any, str]] = [
    ("5", int, "Expected `int`, got `str`; the value is '5'"),
    (5, Path, "Expected `Path`, got `int`; the value is 5"),
    ({"x": "y"}, Point, "Expected `int`, got `str` - at `$.x`"),
    ({"a": "y"}, Model, "Input should be a valid integer, unable to parse string as an integer"),
    ("no", UUID, "Invalid UUID; the value is 'no'"),
    ("no", datetime, "Invalid isoformat string"),
    (1, Thing, "Expected `Thing`, got `int`"),
    (1, Model | Other, "Expected `Model | Other`, got `int`"),
    (5, Annotated[int, pydantic.Field(gt=6)], "Input should be greater than 6; the value is 5"),
    (1, Tree, "Expected `Tree`, got `int`"),
    ({"place": "a"}, Tree, "missing 1 required positional argument: 'below'"),
    ({"place": 1, "below": []}, Tree, "Expected `str | Path`, got `int`"),
    ("ab", list[Path | str], "Expected `array`, got `str`"),
    ([1], dict[str, Path | str], "Expected `object`, got `list`"),
    ([1], tuple[Path | str, int], "Expected `array` of length 2"),
    ("x" * 500, int, "..."),
    (1, Event[Point], "Expected `Event`, got `int`"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), MISFITS, ids=str)
def test_a_misfit_names_what_was_expected_and_got(
    value: Any, annotation: Any, message: str
) -> None:
    with pytest.raises(ValueMisfit) as caught:
        convert(value, annotation, name="argument 'x' of load")
    assert str(caught.value).startswith("argument 'x' of load: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_event_is_passed_on_and_its_data_converted() -> None:
    event = an_event({"x": 1})
    assert convert(event, Event, name="e") is event
    assert convert(event, Event[Any], name="e") is event
    typed = convert(event, Event[Point], name="e")
    assert (typed.data, typed.id) == (Point(1), event.id)
    assert convert(typed, Event[Point], name="e").data == Point(1)


def test_plain_values_for_storing_and_sending() -> None:
    assert to_plain({"p": Path("x"), "m": Model(a=1), "t": (1,)}) == {
        "p": "x",
        "m": {"a": 1, "at": None},
        "t": [1],
    }
    assert to_json([Record(1), Path("x")], "it") == b'[{"a":1},"x"]'
    with pytest.raises(ValueMisfit, match="the body cannot be written as JSON: a Thing has no"):
        to_json(Thing(1), "the body")


def test_text_subclasses_are_text() -> None:
    class Sub(str):
        __slots__ = ()

    assert to_json({"a": Sub("x")}, "it") == b'{"a":"x"}'
    assert convert(Sub("x"), str, name="x") == "x"
