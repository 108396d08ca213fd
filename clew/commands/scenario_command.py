"""``clew test`` and ``clew hunt``, whose flags are made from tables when they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Signature, unwrap
from typing import Any

import typer
from typer.core import TyperCommand


def completed(command: Callable[..., None]) -> Callable[..., None]:
    """Hide from typer the parameter that collects all options: `ScenarioCommand` adds them."""
    command.__signature__ = Signature()  # type: ignore[attr-defined]
    return command


class ScenarioCommand(TyperCommand):
    """A command with its own flags and, after its argument, one for each option of a scenario.

    They are made when it is called: they depend on the workload that the command line names, and
    their tables take longer to import than ``clew --help`` may take.
    """

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **named: Any) -> Any:
        """Parse the command line with all flags."""
        return self.complete(args).make_context(info_name, args, *more, **named)

    def complete(self, args: Sequence[str]) -> Any:
        """Return the command with all the flags that a command line may give."""
        from clew.commands import invocation  # noqa: PLC0415 - slow to import
        from clew.commands.scenario_flags import DEFAULTS, flags_for  # noqa: PLC0415

        command = unwrap(self.callback) if self.callback else None
        assert command is not None

        def whole(**said: Any) -> None:
            command(**said)

        name = str(self.name)
        argument, *own = invocation.invocation_parameters(name)
        flags = flags_for(args, invocation.invocation_flags(name), DEFAULTS.get(name, {}))
        whole.__signature__ = Signature([argument, *flags, *own])  # type: ignore[attr-defined]
        made = typer.Typer(add_completion=False, rich_markup_mode=None)
        made.command(name=self.name, help=self.help, epilog=self.epilog)(whole)
        return typer.main.get_command(made)
