"""Kafka-style logs: what was acknowledged is read, once, in order, by everyone.

`checker` lists the anomalies; `steps` says how operations are read.
"""

from clew.checkers.kafka.checker import Kafka

__all__ = ["Kafka"]
