"""What a user's file attaches to loggers when it is imported: handlers and filters."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from clew.runtimes.isolated import Attached


def attached(but: str = "?") -> dict[logging.Logger, Attached]:
    """Return the handlers and filters attached to each logger of this process.

    Args:
        but: how the names of modules begin whose objects are left out: of files loaded before.
    """

    def of_others(parts: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(part for part in parts if not type(part).__module__.startswith(but))

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return {
        logger: (of_others(logger.handlers), of_others(logger.filters))
        for logger in loggers
        if isinstance(logger, logging.Logger)
    }


def loggers_of_module(
    module: ModuleType, before: Mapping[logging.Logger, Attached]
) -> dict[logging.Logger, Attached]:
    """Return the loggers that a module holds or attached to, with what was there before."""
    held = [value for value in vars(module).values() if isinstance(value, logging.Logger)]
    return {
        logger: before.get(logger, ((), ()))
        for logger, now in attached().items()
        if logger in held or now != before.get(logger, ((), ()))
    }
