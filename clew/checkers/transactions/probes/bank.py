"""Bank: transfers between accounts never change the total, and no balance is negative or missing.

Operations: ``transfer`` of ``{"from": a, "to": b, "amount": n}`` (only its outcome matters here)
and ``read``, whose result maps each account to its balance, or is a list of balances.

Source: the bank workload of Jepsen (jepsen.tests.bank); under snapshot isolation every read shows
one total.

Left out: whether the transfers explain each balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.checkers.values import counted, listed
from clew.checkers.verdict import Anomaly, Budget, Result, Verdict
from clew.errors import HistoryError
from clew.history import History, Operation
from clew.machine.text import first_parts

_ANOMALIES_MAX = 8


class Bank:
    """Checks that every read of all accounts shows the same total. O(balances read).

    Args:
        total: what the balances must add up to; None to take it from the first read.
        negative_balances: whether a balance may be negative, where the bank allows overdrafts.
    """

    name = "bank"

    def __init__(self, *, total: int | None = None, negative_balances: bool = False) -> None:
        self.total = total
        self.negative_balances = negative_balances

    def check(self, history: History, budget: Budget) -> Result:
        """Return INVALID if a read shows another total, a negative balance, none or other accounts.

        UNKNOWN if no read succeeded.

        Raises:
            HistoryError: a read's result is neither an object nor a list of whole numbers and nils.
        """
        anomalies: list[Anomaly] = []
        total = self.total
        accounts: list[str] | None = None
        reads = 0
        worst: Anomaly | None = None
        for operation in history.operations:
            if operation.f != "read" or operation.type != "ok":
                continue
            budget.spend(1)
            balances = _balances(history, operation)
            reads += 1
            whole = _whole(balances)
            # Transfers keep the sum, so every whole read must show the same; without a given total
            # the first one sets it.
            if total is None and whole is not None:
                total = sum(whole.values())
            if accounts is None:
                accounts = sorted(balances)
            found = self._judge(operation, balances, total, accounts)
            anomalies += found
            worst = max([*([worst] if worst else []), *found], key=_error, default=None)
        told = anomalies[:_ANOMALIES_MAX]
        if worst is not None and worst not in told:
            told[-1] = worst
        statistics = {"reads": reads, "total": total, "bad_reads": len(anomalies)}
        verdict, reason = self._verdict(reads, total, anomalies)
        return Result(self.name, verdict, reason, tuple(told), "totals", 0.0, statistics)

    def _judge(
        self,
        operation: Operation,
        balances: dict[str, int | None],
        total: int | None,
        accounts: list[str],
    ) -> list[Anomaly]:
        """List what is wrong with one read."""
        number = operation.number
        shown = {"operation": number, "balances": balances}
        found = []
        other = sorted(set(accounts) ^ set(balances))
        if other:
            reason = (
                f"Operation {number} read the accounts {listed(sorted(balances))}; the first read "
                f"had {listed(accounts)}."
            )
            found.append(Anomaly("wrong-accounts", reason, (operation,), {**shown, "other": other}))
        missing = [account for account, balance in balances.items() if balance is None]
        whole = _whole(balances)
        if missing:
            reason = f"Operation {number} read no balance of {listed(missing)}: nil."
            found.append(Anomaly("nil-balance", reason, (operation,), {**shown, "nil": missing}))
        elif total is not None and whole is not None and sum(whole.values()) != total:
            actual = sum(whole.values())
            reason = (
                f"Operation {number} read balances that add up to {actual} instead of {total}: "
                f"{_listed(whole)}. It saw a transfer's one half without the other."
            )
            data = {**shown, "total": actual, "expected": total, "error": abs(actual - total)}
            found.append(Anomaly("wrong-total", reason, (operation,), data))
        negative = {account: n for account, n in balances.items() if n is not None and n < 0}
        if negative and not self.negative_balances:
            reason = (
                f"Operation {number} read negative balances: {_listed(negative)}. Where overdrafts "
                "are allowed, the option negative-balances says so."
            )
            data = {**shown, "negative": negative, "error": -min(negative.values())}
            found.append(Anomaly("negative-balance", reason, (operation,), data))
        return found

    def _verdict(
        self, reads: int, total: int | None, anomalies: list[Anomaly]
    ) -> tuple[Verdict, str]:
        if anomalies:
            kinds = listed(list(dict.fromkeys(anomaly.kind for anomaly in anomalies)))
            findings = counted(len(anomalies), "finding")
            return Verdict.INVALID, f"{findings} in {counted(reads, 'read')}: {kinds}."
        if not reads:
            return Verdict.UNKNOWN, "No read succeeded, so no total was seen."
        text = f"All {reads} reads add up to {total}"
        return Verdict.VALID, f"{text}{'' if self.negative_balances else _NONE_NEGATIVE}."


_NONE_NEGATIVE = ", none with a negative balance"


def _whole(balances: Mapping[str, int | None]) -> dict[str, int] | None:
    """Return the balances; None if one is nil."""
    whole = {account: balance for account, balance in balances.items() if balance is not None}
    return whole if len(whole) == len(balances) else None


def _balances(history: History, operation: Operation) -> dict[str, int | None]:
    result: Any = operation.result
    if isinstance(result, Mapping):
        balances = {str(account): balance for account, balance in result.items()}
    elif isinstance(result, list):
        balances = {str(account): balance for account, balance in enumerate(result)}
    else:
        balances = {"": ""}
    if any(type(balance) not in _BALANCES for balance in balances.values()):
        raise HistoryError(
            "a bank read has no balances",
            where=history.place(operation.completed or operation.invoked),
            expected="an object from account to whole number or nil, or a list of them",
            found=first_parts(repr(result), 80),
            fix="Record the balances of all accounts as the read's result",
        )
    return balances


_BALANCES = (int, type(None))


def _listed(balances: Mapping[str, int]) -> str:
    return listed([f"{account} has {balance}" for account, balance in balances.items()])


def _error(anomaly: Anomaly) -> int:
    return int(anomaly.data.get("error", 0))
