"""The trace of a run: its records, what they show together, and the words for them."""
