"""Topological order: each node after its upstreams, else in the order of drawing."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence


def topological_order(upstream: Mapping[str, Collection[str]]) -> list[str] | None:
    """The names in an order in which each follows its upstreams; None if there is a circle.

    Among those that could come next the first of the mapping comes first.
    """
    rank = {name: index for index, name in enumerate(upstream)}
    names = list(upstream)
    left = {name: len(set(above)) for name, above in upstream.items()}
    below: dict[str, list[str]] = {name: [] for name in upstream}
    for name, above in upstream.items():
        for one in set(above):
            below[one].append(name)
    ready = [rank[name] for name in names if not left[name]]
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for follower in below[name]:
            left[follower] -= 1
            if not left[follower]:
                heapq.heappush(ready, rank[follower])
    return order if len(order) == len(names) else None


def find_circle(upstream: Mapping[str, Collection[str]]) -> Sequence[str]:
    """The nodes of one circle in running order, the first repeated at the end; else empty.

    Whatever is left after all that can run has run leads into a circle when walked upwards.
    """
    left = dict(upstream)
    while free := [name for name, above in left.items() if not any(a in left for a in above)]:
        for name in free:
            del left[name]
    if not left:
        return ()
    path = [next(iter(left))]
    while True:
        above = next(name for name in left[path[-1]] if name in left)
        if above in path:
            circle = path[path.index(above) :]
            return [above, *reversed(circle)]
        path.append(above)
