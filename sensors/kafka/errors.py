"""What keeps a Kafka sensor from reading.

SensorError
└── KafkaNotReady      the broker cannot be used just now; tried again with backoff
"""

from triphammer.sensors.errors import SensorError


class KafkaNotReady(SensorError):
    """The broker cannot be used just now; the text says which one and why."""
