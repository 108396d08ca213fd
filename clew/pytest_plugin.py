"""Runs of Clew as tests of pytest."""
