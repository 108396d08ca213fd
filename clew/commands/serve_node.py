"""``clew serve-node``: a node class as a real process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from clew.errors import EXIT_VALID, UsageError
from clew.runtimes.stdio import serve
from clew.scenarios.code.models import load_model


def run(options: Mapping[str, Any]) -> int:
    """Serve until stdin ends; return the exit status."""
    model = load_model(options["model"])
    if model.system is not None:
        raise UsageError(
            f"{model.name} is a system of several kinds of node, and a process is one node",
            expected="one of its classes",
            found=f"the roles {', '.join(model.system.roles)}",
            fix=f"Name one, as in {model.name.partition(':')[0]}:{model.node_class.__name__}",
        )
    serve(model.node_class, sys.stdin, sys.stdout, sys.stderr, directory=options.get("disk"))
    return EXIT_VALID
