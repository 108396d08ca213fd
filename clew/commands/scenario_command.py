"""A command of the command line that takes the options of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, signature, unwrap
from typing import Any

import typer
from typer.core import TyperCommand


def takes_scenario(command: Callable[..., None]) -> Callable[..., None]:
    """Hide from typer the parameter that collects the options of a scenario.

    Typer makes flags of the others; `ScenarioCommand` adds those of the scenario.
    """
    own = signature(command, eval_str=True)
    named = [
        one.replace(kind=Parameter.KEYWORD_ONLY)
        for one in own.parameters.values()
        if one.kind is not Parameter.VAR_KEYWORD
    ]
    command.__signature__ = own.replace(parameters=named)  # type: ignore[attr-defined]
    return command


class ScenarioCommand(TyperCommand):
    """A command with a flag for each option of a scenario, after its argument.

    They are made when it is called: they depend on the workload that the command line names, and
    their table takes longer to import than ``clew --help`` may take.
    """

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **named: Any) -> Any:
        """Parse the command line with all flags."""
        return self.complete(args).make_context(info_name, args, *more, **named)

    def complete(self, args: Sequence[str]) -> Any:
        """The command with all the flags that a command line may give."""
        from clew.commands.scenario_flags import flags_for  # noqa: PLC0415 - slow to import

        command = unwrap(self.callback) if self.callback else None
        assert command is not None

        def whole(**said: Any) -> None:
            command(**said)

        argument, *own = signature(command).parameters.values()
        flags = flags_for(args, {flag for one in self.params for flag in one.opts})
        whole.__signature__ = Signature([argument, *flags, *own])  # type: ignore[attr-defined]
        made = typer.Typer(add_completion=False, rich_markup_mode=None)
        made.command(name=self.name, help=self.help, epilog=self.epilog)(whole)
        return typer.main.get_command(made)
