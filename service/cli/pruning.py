"""What `triphammer db prune` does: by itself, or by asking the daemon that has the folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import msgspec

from triphammer.config.clock import SystemClock
from triphammer.config.loading import LoadedSettings
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.folder import loaded_for
from triphammer.service.errors import FolderLocked, StoreError
from triphammer.service.retention import Sweeper, Swept
from triphammer.service.store.layout import WORK
from triphammer.service.store.opening import open_folder
from triphammer.service.store.upgrade import upgrade


def prune_here(data: Path | None, config: Path | None, url: str, *, dry: bool) -> Mapping[str, Any]:
    """What was removed, by kind. Raises `StoreError`, `ClientError`."""
    loaded = loaded_for(data, config)
    folder = (loaded.root / loaded.settings.store.data).resolve()
    version, known = upgrade(folder, dry=True)
    if version < known:
        raise StoreError(
            f"the database in {folder} has schema {version}, this triphammer's is {known}: bring "
            "it up to date first, with `triphammer db migrate`"
        )
    try:
        return msgspec.structs.asdict(anyio.run(_sweep, loaded, folder, dry))
    except FolderLocked:
        pass
    with connect(url) as daemon:
        return daemon.prune(dry_run=dry, folder=str(folder))


async def _sweep(loaded: LoadedSettings, folder: Path, dry: bool) -> Swept:
    def failed(error: Exception) -> None:
        """Whoever waits for the commit is told as well."""

    swept: list[Swept] = []
    async with (
        open_folder(folder, failed=failed, published=lambda _: None) as opened,
        anyio.create_task_group() as group,
    ):
        await group.start(opened.run)
        sweeper = Sweeper(
            store=opened.store,
            logs=opened.logs,
            artifacts=opened.artifacts,
            workdir=folder / WORK,
            settings=loaded.settings.retention,
            clock=SystemClock(),
            log=logging.getLogger("triphammer"),
        )
        try:
            swept.append(await sweeper.sweep(dry=dry))
        finally:
            opened.close()
    return swept[0]
