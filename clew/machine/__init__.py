"""The machine that Clew runs on: its clock, hash seed, processes and text, and mistakes of ours."""
