"""Queues and sets, judged element by element and not by an order of all operations."""
