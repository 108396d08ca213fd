"""Checkers: from a history to a verdict with its evidence. They know nothing of the simulator."""
