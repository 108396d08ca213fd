"""Recorded histories: the file formats, in and out, recognised by content."""
