"""Clew inside other tests: what a test of pytest runs, and plans and histories for hypothesis."""
