"""Which data folder a command is about."""

from __future__ import annotations

from pathlib import Path

from triphammer.config.loading import LoadedSettings, load_settings


def loaded_for(data: Path | None, config: Path | None) -> LoadedSettings:
    """The settings of the working directory's project, with its data folder or `data`."""
    flags = {} if data is None else {"store.data": data.absolute()}
    return load_settings(Path.cwd(), config=config, flags=flags)


def data_folder(data: Path | None, config: Path | None) -> Path:
    """The data folder, absolute."""
    loaded = loaded_for(data, config)
    return loaded.root / loaded.settings.store.data
