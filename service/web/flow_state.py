"""The doors to the state of flows: get, set, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from triphammer.service.flow_state import FlowStateEditor, tag_of
from triphammer.service.web import models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems

Match = Annotated[str | None, Header(description="Only where the value has this `ETag`; else 412.")]
ONE = "/{name}/state/{key:path}"


class StateBody(BaseModel):
    """A value to keep."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Any = Field(description="Any JSON.")


def flow_state_api(editor: FlowStateEditor) -> APIRouter:
    """The routes of the state of flows."""
    router = APIRouter(prefix="/api/v1/flows", tags=["state"], route_class=Route)

    @router.get("/{name}/state", responses=problems(404))
    async def list_state(name: str) -> Answer[models.FlowState]:
        """All that a flow remembers; secrets are masked."""
        found = await editor.mapping(name)
        values = {key: editor.shown(found[key]) for key in sorted(found)}
        return Answer({"flow": name, "values": values})

    @router.get(ONE, responses=problems(404))
    async def get_state(name: str, key: str) -> Answer[models.StateValue]:
        """One value of a flow's state, with its `ETag`."""
        value = await editor.value(name, key)
        answer: Answer[models.StateValue] = Answer(
            {"flow": name, "key": key, "value": editor.shown(value)}
        )
        answer.headers["ETag"] = tag_of(value)
        return answer

    @router.put(ONE, responses=problems(404, 409, 412))
    async def set_state(
        name: str, key: str, body: StateBody, force: bool = False, if_match: Match = None
    ) -> Answer[models.StateWritten]:
        """Write one value. 409 while a task of the flow is under way, which would have the last
        word about what it writes itself, unless forced."""
        tasks = await editor.set(name, key, body.value, force=force, match=if_match)
        return Answer({"flow": name, "keys": [key], "under_way": list(tasks)})

    @router.delete(ONE, responses=problems(404, 409, 412))
    async def delete_state(
        name: str, key: str, force: bool = False, if_match: Match = None
    ) -> Answer[models.StateWritten]:
        """Delete one key; as writing it."""
        tasks = await editor.delete(name, key, force=force, match=if_match)
        return Answer({"flow": name, "keys": [key], "under_way": list(tasks)})

    @router.delete("/{name}/state", responses=problems(404, 409))
    async def clear_state(name: str, force: bool = False) -> Answer[models.StateWritten]:
        """Delete all keys; as writing them."""
        keys, tasks = await editor.clear(name, force=force)
        return Answer({"flow": name, "keys": list(keys), "under_way": list(tasks)})

    return router
