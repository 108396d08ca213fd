"""Rows of the checkers of registers that are read and written one at a time."""

from __future__ import annotations

from clew.checkers.entry import INITIAL, CheckerEntry, CheckerOption, Sign, whole, words

_THIN_AIR = {"thin-air-read": "a read of a value that nobody wrote"}

REGISTERS: tuple[CheckerEntry, ...] = (
    CheckerEntry(
        "sequential",
        "one order of all reads and writes keeps each session's order",
        "O(nk log n) for k sessions where that decides, then a search",
        "Lamport, 1979; Zennou et al., CAV 2019",
        "clew.checkers.registers.sequential:Sequential",
        (INITIAL,),
        signs=(Sign("add", "read", "adds in order and reads of all of them", "subkeys", 0),),
        also="jepsen-sequential",
        kinds={
            "nonsequential": "no order of all sessions' operations explains the reads",
            "initial-read": "a read of the initial value after what must have replaced it",
            **_THIN_AIR,
        },
    ),
    CheckerEntry(
        "causal",
        "reads of unique values are causally consistent",
        "O(nk log n) for k sessions; PRAM and CM that for each session",
        "Bouajjani et al., POPL 2017",
        "clew.checkers.registers.causal:Causal",
        (CheckerOption("model", "PRAM, CC, CCv or CM; CC", str), INITIAL),
        kinds={
            "cyclic-co": "causal order is a circle",
            "write-co-read": "a read of a value that its causal past had overwritten",
            "write-co-init-read": "a read of the initial value with a write in its causal past",
            "cyclic-cf": "causal order and the order of conflicting writes make a circle",
            "cyclic-hb": "what a session must have seen happen before makes a circle",
            "write-hb-init-read": "a read of the initial value after another write",
            **_THIN_AIR,
        },
    ),
    CheckerEntry(
        "sessions",
        "each session reads what it may rely on",
        "O(n) where nothing is wrong",
        "Terry et al., PDIS 1994; Viotti and Vukolic, 2016",
        "clew.checkers.registers.sessions:Sessions",
        (
            CheckerOption(
                "guarantees",
                "of monotonic-reads, read-your-writes, monotonic-writes, "
                "writes-follow-reads, parted by commas; all",
                words,
            ),
            INITIAL,
        ),
        kinds={
            "monotonic-reads": "a session read an older value than before",
            "read-your-writes": "a session read a value older than its own write",
            "monotonic-writes": "two writes of one session showed in the opposite order",
            "writes-follow-reads": "a write showed before one that its session had read",
            **_THIN_AIR,
        },
    ),
    CheckerEntry(
        "atomicity",
        "each read of unique values returns one of the last k written",
        "O(n log n) where it is atomic, else a search",
        "Golab, Hurwitz and Li, ICDCS 2013",
        "clew.checkers.registers.atomicity:Atomicity",
        (CheckerOption("k", "how many of the last values a read may return; 2", whole), INITIAL),
        kinds={
            "not-k-atomic": "a read of an older value than the last k",
            **_THIN_AIR,
        },
    ),
    CheckerEntry(
        "staleness",
        "each read of unique values returns one that was current so long ago at most",
        "O(n log n log t) for t ns of history",
        "Golab, Li and Shah, PODC 2011",
        "clew.checkers.registers.staleness:Staleness",
        (CheckerOption("bound-ns", "how long ago, in ns; 0", whole), INITIAL),
        {"bound_ns": 0},
        kinds={
            "stale-read": "a read of a value that had been replaced for too long",
            "future-read": "a read of a value before its write began",
            **_THIN_AIR,
        },
    ),
)
