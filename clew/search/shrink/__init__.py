"""Failing plans cut down to the smallest that fail the same way."""
