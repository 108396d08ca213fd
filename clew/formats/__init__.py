"""Recorded histories: the file formats, in and out, recognised by content."""

from clew.formats.atomic import write_text
from clew.formats.edn_out import write_edn
from clew.formats.jsonl import write_jsonl
from clew.formats.reader import FORMATS, detect, read_history
from clew.formats.record import READINGS

__all__ = [
    "FORMATS", "READINGS", "detect", "read_history", "write_edn", "write_jsonl", "write_text",
]  # fmt: skip
