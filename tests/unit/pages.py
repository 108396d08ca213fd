"""Reading the web page of a run."""

import base64
import json
import re
import zlib
from typing import Any


def data_of(page: str) -> dict[str, Any]:
    """The data that a page is about, packed or not."""
    plain, packed = re.findall(r'<script id="(?:data|packed)"[^>]*>(.*?)</script>', page, re.DOTALL)
    text = zlib.decompress(base64.b64decode(packed)).decode() if packed else plain
    return json.loads(text, parse_constant=_not_json)


def _not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
