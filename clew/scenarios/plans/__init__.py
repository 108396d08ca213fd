"""What does happen: plans, drawn from a seed and a scenario or read from files."""
