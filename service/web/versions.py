"""The doors to the code of flows: load it again, its versions, their files, what differs."""

from __future__ import annotations

from typing import cast

import msgspec
from fastapi import APIRouter

from triphammer.service.errors import StateForbids
from triphammer.service.reloads.asking import Reloads
from triphammer.service.store.versions import VersionRow
from triphammer.service.versions import Versions
from triphammer.service.web import code_models, views
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems


def versions_api(versions: Versions, reloads: Reloads | None) -> APIRouter:
    """The routes; without `reloads` the flows stay as they were at the start."""
    router = APIRouter(prefix="/api/v1", tags=["flows"], route_class=Route)

    @router.post("/reload", responses=problems(409))
    async def reload() -> Answer[code_models.Reloaded]:
        """Load all flow files again, as one set, and tell what has changed. A broken file keeps
        its last good version serving. 409 where `[flows] reload` is "off"."""
        if reloads is None:
            raise StateForbids(
                '[flows] reload is "off": restart the daemon to load the flows again'
            )
        return Answer(cast("code_models.Reloaded", msgspec.to_builtins(await reloads.reload())))

    @router.get("/flows/{name}/versions", responses=problems(404))
    async def list_versions(name: str) -> Answer[code_models.Versions]:
        """All versions that a flow has had, the newest first."""
        found = [_version(versions, row) for row in await versions.of(name)]
        return Answer({"items": found, "next": None})

    @router.get("/versions/{id}/source", responses=problems(404))
    async def show_source(id: str) -> Answer[code_models.VersionSource]:
        """The flow file of a version and every module of the project that it imports."""
        row = await versions.named(id)
        files: list[code_models.SourceFile] = [
            {"path": path, "source": source} for path, source in sorted(row.sources.items())
        ]
        return Answer({"version": row.version, "file": row.file, "files": files})

    @router.get("/versions/{id}/diff/{other}", responses=problems(404))
    async def show_diff(id: str, other: str) -> Answer[code_models.VersionDiff]:
        """What has to be changed in one version to get the other, file by file."""
        before, after, found = await versions.diff(id, other)
        files = cast("list[code_models.FileDiff]", msgspec.to_builtins(found))
        return Answer({"before": before.version, "after": after.version, "files": files})

    return router


def _version(versions: Versions, row: VersionRow) -> code_models.Version:
    return {
        "version": row.version,
        "flow": row.flow,
        "file": row.file,
        "at": views.moment(row.at),
        "live": versions.is_live(row),
    }
