"""Promises that one pass over the operations decides."""
