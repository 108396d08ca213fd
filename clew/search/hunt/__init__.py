"""A hunt: seeds spent on everything that may vary, one theme of faults for each seed."""
