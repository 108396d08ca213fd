"""What is thought of a run: its verdict with the evidence, and remarks."""
