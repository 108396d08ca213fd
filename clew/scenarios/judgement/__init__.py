"""The judging of a run: its verdict with the evidence, and remarks."""
