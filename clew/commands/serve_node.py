"""``clew serve-node``: a node class as a real process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from clew.errors import EXIT_VALID
from clew.runtimes.stdio import serve
from clew.scenarios.code.models import load_model


def run(options: Mapping[str, Any]) -> int:
    """Serve until stdin ends; return the exit status."""
    model = load_model(options["model"])
    serve(model.node_class, sys.stdin, sys.stdout, sys.stderr, directory=options.get("disk"))
    return EXIT_VALID
