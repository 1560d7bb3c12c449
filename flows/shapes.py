"""Annotations as converters: what a value must look like, and how it is made to."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import PurePath
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from triphammer.flows.artifacts import Artifact, from_shown
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.kinds import class_of, field_names, is_array, is_class, is_mapping, is_set
from triphammer.flows.misfits import fault

MISFITS = (msgspec.ValidationError, ValueError, TypeError, OverflowError)
"""What is raised when a value does not fit; pydantic's error is a ValueError."""


class Shape(Protocol):
    """How values of one annotation are converted, and decoded from JSON.

    `loose`: some part of the annotation says nothing (`Any`, a bare `dict`), so that a value
    may come back from JSON changed without anyone noticing.
    """

    @property
    def loose(self) -> bool: ...

    def convert(self, value: Any) -> Any: ...

    def decode(self, body: bytes) -> Any: ...

    def unpack(self, body: bytes) -> Any:
        """The value from MessagePack."""
        ...


def shape_of(annotation: Any) -> Shape:
    """The shape of an annotation. Raises `ValueMisfit` for one that nothing can convert to."""
    try:
        return _cached(annotation)
    except TypeError:  # unhashable metadata in Annotated[...]
        return _build(annotation)


class AnyShape:
    """No annotation, `Any` or `object`: values pass as they are."""

    loose = True

    def convert(self, value: Any) -> Any:
        return value

    def decode(self, body: bytes) -> Any:
        return msgspec.json.decode(body)

    def unpack(self, body: bytes) -> Any:
        return msgspec.msgpack.decode(body)


class NativeShape:
    """An annotation that msgspec knows, with paths, models and any class inside it."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(annotation, dec_hook=_hook)
        self.loose = _is_loose(msgspec.inspect.type_info(annotation), set())

    def convert(self, value: Any) -> Any:
        return msgspec.convert(value, self._annotation, dec_hook=_hook)

    def decode(self, body: bytes) -> Any:
        return self._decoder.decode(body)

    def unpack(self, body: bytes) -> Any:
        return msgspec.msgpack.decode(body, type=self._annotation, dec_hook=_hook)


class _Composed:
    """A shape that msgspec does not know: decoded plainly, then converted."""

    loose = True

    def convert(self, value: Any) -> Any:
        raise NotImplementedError

    def decode(self, body: bytes) -> Any:
        return self.convert(msgspec.json.decode(body))

    def unpack(self, body: bytes) -> Any:
        return self.convert(msgspec.msgpack.decode(body))


class DatetimeShape(NativeShape):
    """`datetime`: every ISO 8601 text, not only those of RFC 3339."""

    def convert(self, value: Any) -> Any:
        return datetime.fromisoformat(value) if isinstance(value, str) else super().convert(value)


class UnionShape(_Composed):
    """A union: the member that the value already is, else the first it converts to."""

    def __init__(self, members: Sequence[Any]) -> None:
        self._members = [(member, shape_of(member)) for member in members]
        self._text = " | ".join(type_name(member) for member in members)

    def convert(self, value: Any) -> Any:
        for member, _ in self._members:
            if isinstance(member, type) and type(value) is member:
                return value
        for _, shape in self._members:
            with suppress(*MISFITS):
                return shape.convert(value)
        raise _expected(self._text, value)


class ArrayShape(_Composed):
    """A list, set, frozenset or `tuple[X, ...]` of what msgspec does not know."""

    def __init__(self, make: Callable[[Iterable[Any]], Any], item: Any) -> None:
        self._make = make
        self._item = shape_of(item)

    def convert(self, value: Any) -> Any:
        if not is_array(value) and not is_set(value):
            raise _expected("array", value)
        return self._make([self._item.convert(item) for item in value])


class TupleShape(_Composed):
    """`tuple[A, B]` of what msgspec does not know."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = [shape_of(item) for item in items]

    def convert(self, value: Any) -> Any:
        if not is_array(value) or len(value) != len(self._items):
            raise msgspec.ValidationError(f"Expected `array` of length {len(self._items)}")
        return tuple(s.convert(item) for s, item in zip(self._items, value, strict=True))


class MappingShape(_Composed):
    """A mapping of what msgspec does not know."""

    def __init__(self, key: Any, item: Any) -> None:
        self._key = shape_of(key)
        self._item = shape_of(item)

    def convert(self, value: Any) -> Any:
        if not is_mapping(value):
            raise _expected("object", value)
        return {self._key.convert(k): self._item.convert(v) for k, v in value.items()}


class RecordShape(_Composed):
    """A dataclass or struct with a field of what msgspec does not know: `str | Path`."""

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind

    @cached_property
    def _fields(self) -> Mapping[str, Shape]:
        # Not before the first value: a class may name itself.
        hints = get_type_hints(self._kind, include_extras=True)
        return {name: shape_of(hints[name]) for name in field_names(self._kind)}

    def convert(self, value: Any) -> Any:
        if isinstance(value, self._kind):
            return value
        if not is_mapping(value):
            raise _expected(type_name(self._kind), value)
        known = [name for name in self._fields if name in value]
        return self._kind(**{name: self._fields[name].convert(value[name]) for name in known})


class EventShape(_Composed):
    """`Event[Order]` of a task's parameter: an event whose data is converted."""

    def __init__(self, kind: type[Any], data: Any) -> None:
        self._kind = kind
        self._data = shape_of(data)

    def convert(self, value: Any) -> Any:
        if is_mapping(value):  # one that was waited for
            value = shape_of(self._kind).convert(value)
        if not isinstance(value, self._kind):
            raise _expected(type_name(self._kind), value)
        data = self._data.convert(value.data)
        return value if data is value.data else msgspec.structs.replace(value, data=data)


class ModelShape(_Composed):
    """An annotation with pydantic's own constraints in it: `Annotated[int, Field(gt=0)]`."""

    def __init__(self, annotation: Any) -> None:
        from pydantic import TypeAdapter  # loaded already by whoever wrote the annotation

        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def convert(self, value: Any) -> Any:
        return self._adapter.validate_python(value)

    def decode(self, body: bytes) -> Any:
        return self._adapter.validate_json(body)


def type_name(kind: Any) -> str:
    """The name of a class, or the text of any other annotation."""
    return getattr(kind, "__qualname__", None) or str(kind)


def uses_pydantic(annotation: Any) -> bool:
    """Whether the annotation carries constraints of pydantic's (`Field`, annotated-types)."""
    metadata = getattr(annotation, "__metadata__", ())
    if any(type(m).__module__.split(".")[0] in ("pydantic", "annotated_types") for m in metadata):
        return True
    return any(uses_pydantic(arg) for arg in get_args(annotation))


@lru_cache(maxsize=1024)
def _cached(annotation: Any) -> Shape:
    return _build(annotation)


def _build(annotation: Any) -> Shape:
    if annotation in (Any, object) or isinstance(annotation, TypeVar):
        return AnyShape()
    if annotation is datetime:
        return DatetimeShape(annotation)
    if uses_pydantic(annotation):
        return ModelShape(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if _is_event(origin):
        return EventShape(origin, *args)
    try:
        return NativeShape(annotation)
    except TypeError as error:
        composed = _composed(annotation, origin, args)
        if composed is None:
            raise ValueMisfit(f"nothing can be converted to {annotation}: {error}") from error
        return composed


def _composed(annotation: Any, origin: Any, args: tuple[Any, ...]) -> Shape | None:
    if origin is Annotated:
        return shape_of(args[0])
    if origin in (Union, types.UnionType):
        return UnionShape(args)
    if is_class(annotation) and field_names(annotation):
        return RecordShape(annotation)
    if not is_class(origin):
        return None
    if issubclass(origin, tuple):
        return ArrayShape(tuple, args[0]) if args[-1] is Ellipsis else TupleShape(args)
    if issubclass(origin, Mapping):
        return MappingShape(*args)
    if issubclass(origin, Set):
        return ArrayShape(frozenset if issubclass(origin, frozenset) else set, args[0])
    return ArrayShape(list, args[0]) if issubclass(origin, Iterable) else None


def _is_event(origin: Any) -> bool:
    if not is_class(origin) or not issubclass(origin, msgspec.Struct):
        return False
    return {"id", "source", "type", "data"} <= set(origin.__struct_fields__)


def _hook(kind: Any, value: Any) -> Any:
    """What msgspec asks for a class that it does not know."""
    origin = get_origin(kind) or kind
    if not is_class(origin):
        return value  # a Protocol, Callable and the like: nothing to check
    if isinstance(value, origin):
        return value
    if issubclass(origin, PurePath) and isinstance(value, (str, Artifact)):
        return origin(value)
    if is_mapping(value) and _is_mapping_class(origin):
        make: Any = origin
        return make(value)  # the headers of an event that was waited for
    if origin is Artifact and is_mapping(value):
        return from_shown(value)
    validate = getattr(origin, "model_validate", None)
    if validate is not None and is_mapping(value):
        try:
            return validate(value)
        except ValueError as error:
            raise msgspec.ValidationError(fault(error)) from error
    raise _expected(type_name(origin), value)


def _is_mapping_class(kind: Any) -> bool:
    return issubclass(kind, Mapping)


def _expected(what: str, value: Any) -> msgspec.ValidationError:
    return msgspec.ValidationError(f"Expected `{what}`, got `{type_name(class_of(value))}`")


def _is_loose(node: Any, seen: set[int]) -> bool:
    if isinstance(node, msgspec.inspect.AnyType):
        return True
    if is_array(node):
        return any(_is_loose(part, seen) for part in node)
    if not isinstance(node, (msgspec.inspect.Type, msgspec.inspect.Field)) or id(node) in seen:
        return False
    seen.add(id(node))
    inner = [getattr(node, name) for name in node.__struct_fields__ if name in _INNER]
    return any(_is_loose(part, seen) for part in inner)


_INNER = {"item_type", "item_types", "key_type", "value_type", "types", "fields", "type"}
