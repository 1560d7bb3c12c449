"""A plugin for pytest, `-p tests.chaos.planting`: plants the fault that the environment names."""

from __future__ import annotations

import os

PLANT = "TRIPHAMMER_PLANTED"


def pytest_configure() -> None:
    """Before anything is collected."""
    from tests.chaos.planted import PLANTED

    PLANTED[os.environ[PLANT]]()
