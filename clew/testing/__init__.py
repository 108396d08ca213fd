"""Clew inside other tests: runs in tests of pytest, and plans and histories for hypothesis."""
