"""What may happen: a scenario, the one table of its options, and what is expected of it."""
