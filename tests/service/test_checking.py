from __future__ import annotations

from triphammer import Event, events, flow, secret, task
from triphammer.flows.definition import definition_of
from triphammer.service.checking import secret_names


@task
def give(value: object = None) -> object:
    return value


def test_secrets_are_found_wherever_a_flow_may_name_them() -> None:
    @flow(on=events(type="x"))
    def named(event: Event) -> object:
        give(secret("ARGUMENT"))
        give(value=[{"deep": secret("KEYWORD")}])
        give.options(when=event.data["token"] == secret("CONDITION"))()
        return {"result": secret("RESULT")}

    found = set(secret_names(definition_of(named)))
    assert found == {"ARGUMENT", "KEYWORD", "CONDITION", "RESULT"}
