"""The machine that Clew runs on: its clock, hash seed, processes and text; Clew's own mistakes."""
