"""A timer: every 30 seconds, and once at the first start. Its state survives restarts."""

from triphammer import Event, every, flow, state, task


@task
def beat(due: str) -> int:
    """Count the beats in the flow's durable state."""
    count = int(state.get("beats", 0)) + 1
    state["beats"] = count
    print(f"beat {count}, due {due}")
    return count


@flow(on=every("30s", now=True))
def heartbeat(event: Event) -> object:
    """One run a tick."""
    return beat(event.data["due"])
