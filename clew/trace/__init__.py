"""The trace of a run: its records, what they add up to, and the words for them."""
