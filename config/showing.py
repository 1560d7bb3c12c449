"""Values as messages quote them: short, on one line, whatever they are."""

from __future__ import annotations

from reprlib import Repr


class _Short(Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 100
        self.maxlist = self.maxtuple = self.maxdict = 8
        self.maxlevel = 4

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # Python writes out no more than 4,300 digits
            return f"a whole number of {x.bit_length()} bits"


_SHORT = _Short()


def short(text: str, most: int = 100) -> str:
    """`text` without its middle where it is longer than `most`, what is no UTF-8 escaped."""
    if len(text) > most:
        text = f"{text[: most // 2]}...{text[-most // 2 :]}"
    return text.encode("utf-8", "backslashreplace").decode()


def shown(value: object) -> str:
    """`repr(value)`, its middle left out where it is long; never raises.

    What does not fit a message must not fill it: senders and authors choose the length.
    """
    return _SHORT.repr(value)
