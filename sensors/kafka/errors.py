"""What keeps a Kafka sensor from reading.

SensorError
├── KafkaNotReady      the broker cannot be used just now; tried again with backoff
└── Unreadable         the library cannot read what it was sent; to be fetched once more
"""

from triphammer.sensors.errors import SensorError


class KafkaNotReady(SensorError):
    """The broker cannot be used just now; the text says which one and why."""


class Unreadable(SensorError):
    """The library cannot read what it was sent; the text is its own.

    Other records of the same poll are lost with it: every partition is to be read again from
    where it stands. What comes from then on is made readable.
    """
