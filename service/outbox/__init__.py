"""The outbox: outgoing webhooks and Kafka messages, delivered until they are accepted."""
