"""Values as they are stored: encoded by the producer's annotation, decoded for each consumer.

JSON where it is exact; MessagePack where the annotation is exact but JSON is not (NaN); any
other object (arrays, frames, models) is pickled into the artifact store.
"""

from __future__ import annotations

import marshal
import math
import pickle
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import msgspec

from triphammer.flows.artifacts import FILE, Artifact, media_of, shown, told_of
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.journal import Artifacts, Encoded
from triphammer.flows.kinds import class_of, field_names, is_array, is_mapping
from triphammer.flows.misfits import explain, fault, shorten
from triphammer.flows.shapes import MISFITS, AnyShape, NativeShape, Shape, shape_of, type_name

LARGE = 1_000_000
"""JSON of more bytes than this goes to the artifact store instead of the database."""

_NULL = Encoded("json", b"null")
_AS_IT_IS = frozenset({str, int, float, bool, bytes})


def convert(value: Any, annotation: Any, *, name: str) -> Any:
    """`value` made to fit `annotation`. Raises `ValueMisfit` that begins with `name`."""
    if annotation is Any or (annotation is type(value) and annotation in _AS_IT_IS):
        return value
    if annotation is type(None):
        annotation = None
    shape = shape_of(annotation)
    try:
        return shape.convert(value)
    except MISFITS as error:
        raise ValueMisfit(f"{name}: {fault(error)}; the value is {shorten(value)}") from error


def encode(
    value: Any, annotation: Any, artifacts: Artifacts, *, name: str = "the result"
) -> Encoded:
    """The stored form of `value`; `annotation` is `Any` where there is none.

    Raises `ValueMisfit` that begins with `name` when the value does not fit its annotation,
    cannot be stored, or would come back changed. Called in the executor's thread.
    """
    if value is None and annotation in (Any, None, type(None)):
        return _NULL
    if isinstance(value, Artifact):
        return Encoded("artifact", value.digest.encode(), media_of(value.told))
    shape = shape_of(annotation)
    try:
        body = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _pickled(value, shape, artifacts, name)
    if _comes_back(value, body, shape):
        return _stored(body, artifacts)
    packed = None if isinstance(shape, AnyShape) else _packed(value, shape)
    if packed is not None:
        return packed
    if _fits_exactly(value, shape):  # JSON does not tell the members of a union apart
        return _pickled(value, shape, artifacts, name)
    raise ValueMisfit(f"{name} {_why(value, body, shape)}")


def decode(encoded: Encoded, annotation: Any, artifacts: Artifacts) -> Any:
    """The value as every dependent receives it. Raises `ValueMisfit`.

    Unpickles: only for what this installation has stored itself.
    """
    body, kind = encoded.body, encoded.kind
    if encoded.media.startswith(FILE):
        kept = Artifact(body.decode(), told_of(encoded.media), artifacts)
        return convert(kept, annotation, name="an artifact")
    if kind == "artifact":
        body, kind = artifacts.get(body.decode()), encoded.media.partition(";")[0]
    if kind == "pickle":
        return pickle.loads(body)
    shape = shape_of(annotation)
    try:
        return shape.unpack(body) if kind == "msgpack" else shape.decode(body)
    except MISFITS as error:
        message = f"a stored value does not fit {type_name(annotation)}: {fault(error)}"
        raise ValueMisfit(message) from error


def decode_json_safe(encoded: Encoded) -> Any:
    """The value for pages and the API: never unpickled, always representable as JSON.

    Of what lies in the artifact store only `{"type", "size"}` is told, of an artifact of the
    user's its name, media type and hash.
    """
    if encoded.media.startswith(FILE):
        return shown(Artifact(encoded.body.decode(), told_of(encoded.media)))
    if encoded.kind == "json":
        return msgspec.json.decode(encoded.body)
    if encoded.kind == "msgpack":
        return _json_safe(msgspec.msgpack.decode(encoded.body))
    parts = (part.strip().partition("=") for part in encoded.media.split(";")[1:])
    told = {name: value for name, _, value in parts}
    size = int(told.get("size", len(encoded.body)))
    return {"type": told.get("type", "object"), "size": size}


def to_plain(value: Any) -> Any:
    """`value` as JSON's own types. Raises `TypeError` for what JSON cannot hold."""
    return msgspec.json.decode(_ENCODER.encode(value))


def to_json(value: Any, what: str) -> bytes:
    """`value` as JSON for the world outside. Raises `ValueMisfit` that begins with `what`."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueMisfit(f"{what} cannot be written as JSON: {fault(error)}") from error


def printed(value: Any) -> bytes:
    """The bytes by which a value is told from others, of its own type. Raises what pickling it
    raises."""
    kind = type_name(class_of(value)).encode()
    with suppress(*MISFITS):
        return kind + b" " + _PRINTER.encode(value)
    return kind + b" " + pickle.dumps(value, protocol=5)


def _comes_back(value: Any, body: bytes, shape: Shape) -> bool:
    try:
        back = shape.decode(body)
    except MISFITS:
        return False
    if shape.loose:
        return _same(value, back)
    # NaN and infinity are written as null, which an optional float would take for None.
    return b"null" not in body or _alike(value, back)


def _alike(value: Any, back: Any) -> bool:
    try:
        return _PACKER.encode(value) == _PACKER.encode(back)
    except MISFITS:  # MessagePack has no integers over 64 bits
        return _equal(value, back)


def _equal(value: Any, back: Any) -> bool:
    with suppress(*MISFITS):  # an __eq__ that gives an array, for one
        return type(value) is type(back) and bool(value == back)
    return False


def _fits_exactly(value: Any, shape: Shape) -> bool:
    """Whether the annotation says all of a value that it leaves as it is."""
    if isinstance(shape, NativeShape) and shape.loose:
        return False
    with suppress(*MISFITS):
        return not isinstance(shape, AnyShape) and _equal(value, shape.convert(value))
    return False


def _same(value: Any, back: Any) -> bool:
    """Equal in value and type. Marshal tells types apart, refuses all but Python's own, and
    is far quicker than a walk; version 2 writes equal values as equal bytes."""
    with suppress(ValueError):
        return marshal.dumps(value, 2) == marshal.dumps(back, 2)
    if type(value) is not type(back):
        return False
    if is_array(value):
        return len(value) == len(back) and all(map(_same, value, back))
    if is_mapping(value):
        return list(value) == list(back) and all(_same(value[key], back[key]) for key in value)
    fields = field_names(class_of(value))
    if fields:
        return all(_same(getattr(value, name), getattr(back, name)) for name in fields)
    return _equal(value, back)


def _stored(body: bytes, artifacts: Artifacts) -> Encoded:
    if len(body) <= LARGE:
        return Encoded("json", body)
    digest = artifacts.put(body)
    return Encoded("artifact", digest.encode(), f"json; type=json; size={len(body)}")


def _packed(value: Any, shape: Shape) -> Encoded | None:
    with suppress(*MISFITS):
        body = _PACKER.encode(value)
        back = shape.unpack(body)
        if _PACKER.encode(back) == body and (not shape.loose or _same(value, back)):
            return Encoded("msgpack", body)
    return None


def _pickled(value: Any, shape: Shape, artifacts: Artifacts, name: str) -> Encoded:
    of = class_of(value)
    kind = type_name(of)
    if isinstance(shape, AnyShape) and hasattr(of, "__pydantic_validator__"):
        raise ValueMisfit(f"{name} is a {kind}: annotate the task's return type with it")
    try:
        fitting = shape.convert(value)
    except MISFITS as error:
        raise ValueMisfit(f"{name} {_unfit(value, error)}") from error
    try:
        content = pickle.dumps(fitting, protocol=pickle.HIGHEST_PROTOCOL)
    # Seam to user code: __reduce__ and __getstate__ may raise anything.
    except Exception as error:
        raise ValueMisfit(f"{name} {_unstorable(kind, error)}") from error
    media = f"pickle; type={of.__module__}.{kind}; size={len(content)}"
    return Encoded("artifact", artifacts.put(content).encode(), media)


def _unstorable(kind: str, error: Exception) -> str:
    return (
        f"is a {kind} and cannot be stored: {error}; return plain data, an object that can be "
        "pickled, or the path of a file"
    )


def _why(value: Any, body: bytes, shape: Shape) -> str:
    try:
        back = shape.decode(body)
    except MISFITS as error:
        return _unfit(value, error)
    return explain(value, back)


def _unfit(value: Any, error: Exception) -> str:
    return f"does not fit its annotation: {fault(error)}; the value is {shorten(value)}"


def _json_hook(value: Any) -> Any:
    dump = getattr(value, "model_dump_json", None)
    if dump is not None:
        return msgspec.Raw(dump(by_alias=True, round_trip=True).encode())
    return _simple(value, "JSON")


def _pack_hook(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(by_alias=True, round_trip=True)
    return _simple(value, "MessagePack")


def _simple(value: Any, form: str) -> Any:
    """What msgspec leaves to us: artifacts, paths, subclasses of text, numpy's single numbers."""
    if isinstance(value, Artifact):
        return shown(value)
    if isinstance(value, (PurePath, str)):
        return str(value)
    kind = class_of(value)
    if kind.__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
        return value.item()
    raise TypeError(f"a {type_name(kind)} has no {form} form")


_ENCODER = msgspec.json.Encoder(enc_hook=_json_hook)
_PACKER = msgspec.msgpack.Encoder(enc_hook=_pack_hook)
_PRINTER = msgspec.msgpack.Encoder(enc_hook=_pack_hook, order="deterministic")


def _json_safe(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if is_mapping(value):
        return {str(key): _json_safe(item) for key, item in value.items()}
    if is_array(value):
        return [_json_safe(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
