"""Kafka topics as a source: records become events, with positions of our own."""
