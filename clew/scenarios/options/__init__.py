"""Scenarios: the one table of their options, and what is expected of their runs."""
