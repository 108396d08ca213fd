"""Engines of linearizability for queues, stacks, priority queues and sets."""
