"""Faults: what can go wrong, as data in a plan, and what makes it happen in a run."""

from clew.sim.faults.fault import Fault
from clew.sim.faults.injector import FaultReport, Injector
from clew.sim.faults.kinds import (
    GROUPS,
    KINDS,
    PLANNED,
    check_clients,
    check_fault,
    check_regions,
    fault_from_json,
    fault_param,
    group_of,
    injection_of,
    joiners_of,
    joins,
    nodes_of,
)

__all__ = [
    "GROUPS",
    "KINDS",
    "PLANNED",
    "Fault",
    "FaultReport",
    "Injector",
    "check_clients",
    "check_fault",
    "check_regions",
    "fault_from_json",
    "fault_param",
    "group_of",
    "injection_of",
    "joiners_of",
    "joins",
    "nodes_of",
]
