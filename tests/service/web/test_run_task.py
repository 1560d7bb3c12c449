from __future__ import annotations

import pytest

from triphammer.service.web.console.run_task import node_of, owner_of


@pytest.mark.parametrize(
    ("task", "node", "owner"),
    [
        ("load", "load", ""),
        ("enrich[3]", "enrich", "enrich"),
        ("shop[3]/pay", "shop[]/pay", "shop[3]"),
        ("shop[3]/pay[12]", "shop[]/pay", "shop[3]/pay"),
        ("shop[3]/pay[1]/in.a", "shop[]/pay[]/in.a", "shop[3]/pay[1]"),
        ("shop[]/pay", "shop[]/pay", ""),
        ("sub/inner.a", "sub/inner.a", ""),
    ],
)
def test_where_a_task_belongs(task: str, node: str, owner: str) -> None:
    assert (node_of(task), owner_of(task)) == (node, owner)
