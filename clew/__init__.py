"""Clew: a deterministic simulator and checker for distributed systems.

A node is a class (`Node`, `on`); a run is a function of a plan; a verdict comes with its
evidence. See docs/ARCHITECTURE.md.
"""
