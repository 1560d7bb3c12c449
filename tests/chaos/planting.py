"""A plugin for pytest, `-p tests.chaos.planting`: plants the fault that the environment names."""

from __future__ import annotations

import os

PLANT = "TRIPHAMMER_PLANTED"


def pytest_configure() -> None:
    """Before anything is collected."""
    from hypothesis import Phase, settings

    from tests.chaos.planted import PLANTED

    # That it fails is enough: not how it fails soonest, nor to remember it.
    settings.register_profile("planted", deadline=None, phases=[Phase.generate], database=None)
    settings.load_profile("planted")
    PLANTED[os.environ[PLANT]]()
