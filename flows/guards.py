"""What must not be done with a value that is not known yet: an error that names the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from triphammer.flows.errors import HandleError
from triphammer.flows.expr import Expr
from triphammer.flows.places import user_place

_BRANCH = "to decide at run time write task.options(when=...)(...)"
_EACH = "to do something for each item write task.map(...); for a fixed place take x[0]"
_TEXT = 'to build a text write text("{x} rows", x=...)'
_COMPUTE = "to compute with it pass it to a task"


def refuse(value: object, used: str, cure: str) -> NoReturn:
    """Raise the error for `used`, naming the user's file and line and the cure."""
    place = user_place()
    message = f"{value!r} is not known until the run, so {used} cannot use it here: {cure}"
    raise HandleError(message, place.file, place.line)


def _refusing(used: str, cure: str) -> Callable[..., Any]:
    def method(self: Expr, *_: object) -> NoReturn:
        refuse(self, used, cure)

    return method


class Guarded(Expr):
    """An expression that raises `HandleError` wherever Python would need its value now."""

    __slots__ = ()

    def __str__(self) -> str:
        refuse(self, "str()", _TEXT)

    def __format__(self, spec: str) -> str:
        refuse(self, "an f-string or format()", _TEXT)

    def __hash__(self) -> int:
        refuse(self, "a set or dict key", _COMPUTE)

    __bool__ = _refusing("`if`, `and`, `or`, `not`, `in` or bool()", f"{_BRANCH}; & | ~ combine")
    __iter__ = _refusing("`for`, unpacking or iter()", _EACH)
    __aiter__ = _refusing("`async for`", _EACH)
    __reversed__ = _refusing("reversed()", _EACH)
    __len__ = _refusing("len()", f"take it in a task: {_COMPUTE}")
    __contains__ = _refusing("`in`", f"compare with == and combine with |, or {_COMPUTE}")
    __int__ = _refusing("int()", _COMPUTE)
    __float__ = _refusing("float()", _COMPUTE)
    __complex__ = _refusing("complex()", _COMPUTE)
    __index__ = _refusing("an index or range()", _COMPUTE)
    __bytes__ = _refusing("bytes()", _COMPUTE)
    __fspath__ = _refusing("a path", f"annotate a task's parameter as Path and {_COMPUTE}")
    __call__ = _refusing("a call", _COMPUTE)
    __await__ = _refusing("`await`", "a flow body is not awaited; pass it to a task")
    __enter__ = __exit__ = _refusing("`with`", _COMPUTE)
    __aenter__ = __aexit__ = _refusing("`async with`", _COMPUTE)
    __setitem__ = _refusing("an assignment", _COMPUTE)
    __delitem__ = _refusing("`del`", _COMPUTE)
    __neg__ = _refusing("`-`", _COMPUTE)
    __pos__ = _refusing("`+`", _COMPUTE)
    __abs__ = _refusing("abs()", _COMPUTE)
    __round__ = _refusing("round()", _COMPUTE)
    __trunc__ = _refusing("trunc()", _COMPUTE)
    __floor__ = _refusing("floor()", _COMPUTE)
    __ceil__ = _refusing("ceil()", _COMPUTE)
    __add__ = __radd__ = _refusing("`+`", f"{_COMPUTE}; {_TEXT}")
    __sub__ = __rsub__ = _refusing("`-`", _COMPUTE)
    __mul__ = __rmul__ = _refusing("`*`", _COMPUTE)
    __matmul__ = __rmatmul__ = _refusing("`@`", _COMPUTE)
    __truediv__ = __rtruediv__ = _refusing("`/`", f"{_COMPUTE}; {_TEXT}")
    __floordiv__ = __rfloordiv__ = _refusing("`//`", _COMPUTE)
    __mod__ = _refusing("`%`", _COMPUTE)
    __rmod__ = _refusing("`%`", f"{_COMPUTE}; {_TEXT}")
    __divmod__ = __rdivmod__ = _refusing("divmod()", _COMPUTE)
    __pow__ = __rpow__ = _refusing("`**`", _COMPUTE)
    __xor__ = __rxor__ = _refusing("`^`", f"& | ~ combine conditions; {_COMPUTE}")
    __rshift__ = __rrshift__ = _refusing("`>>`", "only tasks can be ordered")
    __lshift__ = __rlshift__ = _refusing("`<<`", "only tasks can be ordered")
