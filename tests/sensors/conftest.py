from __future__ import annotations

from typing import Any

import pytest
import trio.testing


@pytest.fixture
def autojump_backend() -> tuple[str, dict[str, Any]]:
    """A trio loop whose clock jumps to the next deadline when everything waits."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
