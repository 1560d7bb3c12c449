"""A webhook starts a small graph: two checks side by side, then an announcement.

Try it:  curl -X POST localhost:8420/hooks/deploy -H 'content-type: application/json' \\
              -d '{"ref": "refs/heads/main", "by": "ada"}'
"""

import asyncio

from triphammer import Event, flow, task, text, webhook


@task
async def check_health(ref: str) -> bool:
    """Ask the service how it is (here: it is well after a moment)."""
    await asyncio.sleep(0.2)
    return True


@task
def count_files(ref: str) -> int:
    """A plain function: it runs in a worker thread."""
    return len(ref.split("/"))


@task
def announce(message: str) -> str:
    """Say what happened."""
    print(message)
    return message


@flow(on=webhook("deploy").where({"data": {"ref": [{"prefix": "refs/heads/"}]}}))
def deploys(event: Event) -> object:
    """One run a push to a branch."""
    ref = event.data["ref"]
    healthy = check_health(ref)
    parts = count_files(ref)
    message = text("{who} deployed {ref} ({n} parts)", who=event.data["by"], ref=ref, n=parts)
    return announce.options(when=healthy)(message)
