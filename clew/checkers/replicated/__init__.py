"""Replicas that are promised to agree in the end: broadcast, grow-only sets, counters."""
