"""Faults: what can go wrong, as data in a plan, and what makes it happen in a run."""

from clew.sim.faults.fault import Fault
from clew.sim.faults.injector import FaultReport, Injector
from clew.sim.faults.kinds import GROUPS, KINDS, check_fault, group_of

__all__ = [
    "GROUPS",
    "KINDS",
    "Fault",
    "FaultReport",
    "Injector",
    "check_fault",
    "group_of",
]
