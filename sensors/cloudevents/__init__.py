"""CloudEvents 1.0: events from and to HTTP messages, and from Kafka records."""

from triphammer.sensors.cloudevents.http import from_http, to_http
from triphammer.sensors.cloudevents.kafka import from_kafka

__all__ = ["from_http", "from_kafka", "to_http"]
