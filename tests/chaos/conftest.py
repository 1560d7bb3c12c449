from __future__ import annotations

import pytest

from tests.acceptance.conftest import make_daemon

__all__ = ["make_daemon"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
