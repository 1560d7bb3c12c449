"""Kafka records in, Kafka records out. It waits until `[kafka] bootstrap` names a broker."""

from triphammer import Event, flow, publish, task, topic


@task
async def convert(reading: dict[str, float]) -> dict[str, float]:
    """Fahrenheit to Celsius."""
    return {"celsius": (reading["fahrenheit"] - 32) * 5 / 9}


@flow(on=topic("readings").where({"data": {"fahrenheit": [{"exists": True}]}}))
def readings(event: Event) -> None:
    """One run a record; the result goes out under the same key."""
    publish("readings.celsius", key=event.subject, value=convert(event.data))
