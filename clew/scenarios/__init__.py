"""Scenarios (what may happen), plans (what does happen), and the judging of runs."""
