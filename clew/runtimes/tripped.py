"""Processes at which tripwires are laid: faults hear of what they do, and may strike in the middle.

Some methods of such a process alone are replaced, and only for what the plan's faults wait for, so
that a process without tripwires runs as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clew.node.life import PowerCut
from clew.node.message import Message
from clew.node.node import Node
from clew.node.timer import NodeTimer
from clew.runtimes.simulated import SimulatedProcess
from clew.sim.host import Host, MakeProcess, Process
from clew.sim.network import Emit
from clew.sim.setting import Setting
from clew.sim.tripwires import Tripwires


def tripped(make: MakeProcess, wires: Tripwires) -> MakeProcess:
    """Make processes at which tripwires are laid; a service has none."""

    def made(setting: Setting, host: Host) -> Process:
        process: Any = make(setting, host)
        if host.is_node:
            wires.began(host)
            for events, lay in _LAID:
                if events & wires.events:
                    lay(process, wires)
        laid: Process = process
        return laid

    return made


def _sending(process: SimulatedProcess, wires: Tripwires) -> None:
    connect, links, host = process._connect, process._links, process.host  # noqa: SLF001 - see above

    def connected(dest: str) -> Emit | None:
        emit = connect(dest)
        if emit is None:
            return None

        end = process.setting.network.link(host, dest)
        between_nodes = end is not None and end.dest.is_node

        def told(body: dict[str, Any], flat: bool) -> None:  # noqa: FBT001
            emit(body, flat)
            if between_nodes:
                wires.types[body["type"]] = None
            wires.happened("send", body["type"], host)
            if not process.alive:
                raise PowerCut

        links[dest] = told
        return told

    process._connect = connected  # type: ignore[method-assign] # noqa: SLF001


def _receiving(process: SimulatedProcess, wires: Tripwires) -> None:
    receive = process.receive

    def received(message: Message) -> None:
        wires.happened("deliver", message.body["type"], process.host)
        handled(message)

    def handled(message: Message) -> None:
        if process.alive and process.paused:
            process.hold(handled, message)
        elif process.alive:
            receive(message)

    process.receive = received  # type: ignore[method-assign]


def _timing(process: SimulatedProcess, wires: Tripwires) -> None:
    fire = process.fire

    def fired(timer: NodeTimer) -> None:
        wires.happened("timer", timer.name, process.host)
        called(timer)

    def called(timer: NodeTimer) -> None:
        if process.alive and process.paused:
            process.hold(called, timer)
        elif process.alive and not timer.cancelled:
            fire(timer)

    process.fire = fired  # type: ignore[method-assign]


def _booting(process: SimulatedProcess, wires: Tripwires) -> None:
    boot = process.boot

    def booted() -> None:
        boot()
        if process.alive:
            wires.happened("boot", "", process.host)

    process.boot = booted  # type: ignore[method-assign]


def _syncing(process: SimulatedProcess, wires: Tripwires) -> None:
    def told(event: str) -> None:
        if event in wires.events:
            wires.happened(event, "", process.host)

    process.at_sync = told


def _watching(process: SimulatedProcess, wires: Tripwires) -> None:
    watch: Callable[[Node], None] | None = process._watch  # noqa: SLF001
    observer, host = process.setting.observer, process.host

    def watched(node: Node) -> None:
        if watch is not None:
            watch(node)
        wires.look(host, node, observer.states.get(host.id))

    process._watch = watched  # noqa: SLF001


_LAID: tuple[tuple[frozenset[str], Callable[[SimulatedProcess, Tripwires], None]], ...] = (
    (frozenset({"send"}), _sending),
    (frozenset({"deliver"}), _receiving),
    (frozenset({"timer"}), _timing),
    (frozenset({"boot"}), _booting),
    (frozenset({"sync", "synced"}), _syncing),
    (frozenset({"state", "field"}), _watching),
)
