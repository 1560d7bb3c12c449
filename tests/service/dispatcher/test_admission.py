from __future__ import annotations

from collections import Counter

from triphammer import flow, task
from triphammer.flows.definition import definition_of
from triphammer.service.dispatcher.admission import Admission


@task
def work() -> None: ...


@flow(max_runs=10)
def early() -> None:
    work()


@flow(max_runs=10)
def late() -> None:
    work()


def test_where_the_limit_of_all_binds_no_flow_is_left_out() -> None:
    flows = {f.name: f for f in map(definition_of, (early, late))}
    admission = Admission(4)
    admission.set_flows(flows)
    admission.fall_behind(flows)
    begun = Counter[str]()
    waiting = list[str]()
    for number in range(40):
        if admission.turn() is None:
            admission.release(waiting.pop(0))
        turn = admission.turn()
        assert turn is not None
        name, most = turn
        assert most == 1
        admission.take(f"run {number}", name)
        waiting.append(f"run {number}")
        begun[name] += 1
    assert begun == {"early": 20, "late": 20}


def test_where_there_is_room_for_all_a_flow_begins_what_it_may() -> None:
    flows = {f.name: f for f in map(definition_of, (early, late))}
    admission = Admission(20)
    admission.set_flows(flows)
    assert admission.turn() is None
    admission.fall_behind(flows)
    assert admission.turn() == ("early", 10)
    admission.pause("early", True)
    assert admission.turn() == ("late", 10)
    admission.caught_up("late")
    assert admission.turn() is None
