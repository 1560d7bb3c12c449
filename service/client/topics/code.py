"""The code of flows: its versions, their files, loading it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing

if TYPE_CHECKING:
    from triphammer.service.web import code_models


class CodeCalls:
    """About the code of flows."""

    @route("POST", "/api/v1/reload")
    def reload(self) -> Given[code_models.Reloaded]:
        """Load all flow files again, as one set; tells what has changed, and what is wrong."""
        return Given(patient=True)

    @listing("/api/v1/flows/{name}/versions")
    def versions(self, flow: str) -> Rows[code_models.Versions, code_models.Version]:
        """The versions that a flow has had, the newest first."""
        return Rows(path={"name": flow})

    @route("GET", "/api/v1/versions/{id}/source")
    def source(self, version: str) -> Given[code_models.VersionSource]:
        """The flow file of a version and every module of the project that it imports."""
        return Given(path={"id": version})

    @route("GET", "/api/v1/versions/{id}/diff/{other}")
    def diff(self, version: str, other: str) -> Given[code_models.VersionDiff]:
        """What has to be changed in one version to get the other, file by file."""
        return Given(path={"id": version, "other": other})
