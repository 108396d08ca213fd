"""Plans: what does happen, drawn from a seed and a scenario or read from files."""
