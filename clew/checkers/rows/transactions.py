"""Rows of the checkers of transactions."""

from __future__ import annotations

from clew.checkers.entry import (
    INITIAL,
    MODELS,
    CheckerEntry,
    CheckerOption,
    Sign,
    flag,
    whole,
    words,
)

_TRANSACTIONS = "clew.checkers.transactions.lattice:MEANINGS"
_UNWRITTEN = {
    "garbage-read": "a read of a value that nobody wrote",
    "G1a": "a committed read of a value whose writer aborted",
}

TRANSACTIONS: tuple[CheckerEntry, ...] = (
    CheckerEntry(
        "list-append",
        "transactions of r and append show no anomaly that the models forbid",
        "O(n log n) where nothing is wrong",
        "Kingsbury and Alvaro, Elle, VLDB 2020; Adya, 1999",
        "clew.checkers.transactions:ListAppend",
        (MODELS,),
        timeless=True,
        signs=(
            Sign("txn", "", "transactions that read lists", "lists_alone", 0),
            Sign("txn", "read append", "transactions of r and append", "list_acts"),
        ),
        also="la append txn-list-append elle-append elle-list-append",
        kinds=_TRANSACTIONS,
    ),
    CheckerEntry(
        "rw-register",
        "transactions of r and w show no anomaly that the models forbid",
        "O(n log n) where the version order is known",
        "Kingsbury and Alvaro, Elle, VLDB 2020; Adya, 1999",
        "clew.checkers.transactions:RwRegister",
        (
            MODELS,
            CheckerOption(
                "version-orders",
                "what is assumed of the order of versions, of initial-state, "
                "writes-follow-reads, sequential-keys, linearizable-keys, transaction-order, "
                "parted by commas; from Python, version_orders={key: [value, ...]} gives the "
                "orders themselves; the first two",
                words,
            ),
            INITIAL,
        ),
        timeless=True,
        signs=(Sign("txn", "read write", "transactions of r and w", "read_write_acts", 0),),
        also="rw wr txn-rw-register elle-wr elle-rw-register",
        kinds=_TRANSACTIONS,
    ),
    CheckerEntry(
        "closed-predicate",
        "transactions that read by predicate show no anomaly that the models forbid",
        "O(n log n + predicate reads * keys) where nothing is wrong",
        "Adya, 1999; Elle's closed-predicate workload",
        "clew.checkers.transactions:ClosedPredicate",
        (MODELS,),
        functions="init txn",
        signs=(Sign("txn", "init", "transactions that read by predicate", "by_predicate"),),
        kinds=_TRANSACTIONS,
    ),
    CheckerEntry(
        "bank",
        "every read shows the same total; no balance is negative or nil",
        "O(n)",
        "Jepsen's bank workload",
        "clew.checkers.transactions:Bank",
        (
            CheckerOption("negative-balances", "whether a balance may be negative; false", flag),
            CheckerOption("total", "what the balances add up to; that of the first read", whole),
        ),
        timeless=True,
        functions="read transfer",
        signs=(
            Sign("transfer", "read", "transfers"),
            Sign("read", "", "reads of balances", "balances", 0),
        ),
        also="jepsen-bank",
        kinds={
            "wrong-total": "a read of balances that add up to another total",
            "negative-balance": "a read of a balance below nothing",
            "nil-balance": "a read without some account's balance",
            "wrong-accounts": "a read of other accounts than the first read had",
        },
    ),
    CheckerEntry(
        "long-fork",
        "no two reads see two writes in opposite orders",
        "O(n log n)",
        "Jepsen's long-fork workload; Sovran et al., SOSP 2011",
        "clew.checkers.transactions:LongFork",
        timeless=True,
        functions="read write txn",
        signs=(
            Sign("read write", "", "inserts of 1 by key and reads of keys", "inserts_of_ones", 0),
        ),
        also="jepsen-long-fork",
        kinds={
            "long-fork": "two readers saw two independent writes in opposite orders",
            "internal": "a read that shows one key with two values",
            **_UNWRITTEN,
        },
    ),
    CheckerEntry(
        "adya-g2",
        "of two inserts that exclude each other at most one commits",
        "O(n)",
        "Adya, 1999; Jepsen's adya workload",
        "clew.checkers.transactions:AdyaG2",
        timeless=True,
        functions="insert read",
        signs=(Sign("insert", "", "inserts of one of two ids by key", "ids", 0),),
        also="g2",
        kinds={
            "G2": "both inserts of a pair that exclude each other committed",
        },
    ),
    CheckerEntry(
        "causal-reverse",
        "no read sees a write without one that was acknowledged before it began",
        "O(n log n)",
        "Jepsen's causal-reverse workload",
        "clew.checkers.transactions:CausalReverse",
        functions="read write",
        signs=(Sign("write", "read", "writes and reads of lists", "all_that_was_written"),),
        kinds={
            "causal-reverse": "a read saw a write, and not one acknowledged before it began",
            "future-read": "a read of a value before its write began",
            "duplicate-elements": "a read that shows a value more than once",
            **_UNWRITTEN,
        },
    ),
)
