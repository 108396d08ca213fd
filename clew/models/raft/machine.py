"""A key-value store as a replicated state machine: the same commands in, the same answers out.

What makes it replicable is that `apply` depends on nothing but the state and the command. What
makes it safe to retry is the session it keeps for each client (Ongaro's thesis, 2014, section
6.3): the number of the client's latest request and the answer it got, so that a request that a
log holds twice takes effect once. Sessions are part of the state, hence of every snapshot.

Left out: sessions never expire. The thesis lets them expire by an agreed clock; here a session
costs a few bytes and clients are few.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from clew.node.node import ERROR_CODES

Answer: TypeAlias = dict[str, Any]
"""The body of a reply, such as ``{"type": "write_ok"}``."""

MISSING, MISMATCH = 20, 22
"""Error codes: the key does not exist; the value is not the one expected."""


def refusal(code: int) -> Answer:
    """Return the body of an error reply."""
    return {"type": "error", "code": code, "text": ERROR_CODES[code][0]}


class KVMachine:
    """Keys, values, and each client's last answer.

    Attributes:
        values: the value of each key that exists.
        sessions: by client, its latest request's number and the answer.
    """

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.sessions: dict[str, tuple[int, Answer]] = {}

    def apply(self, client: str, request: int, operation: list[Any]) -> Answer | None:
        """Carry out one command of the log, or answer again as the first time.

        Args:
            client: who asked.
            request: the request's number; a client's numbers rise and are never used again.
            operation: ``["write", key, value]`` or ``["cas", key, from, to, create]``.

        Returns:
            The answer; None if the client has since made a later request, so that nobody
            waits for this one.
        """
        latest, answer = self.sessions.get(client, (-1, None))
        # Thesis, 6.3: a command that the log holds twice takes effect once.
        if request <= latest:
            return answer if request == latest else None
        answer = self.perform(*operation)
        self.sessions[client] = (request, answer)
        return answer

    def recall(self, client: str, request: int) -> Answer | None:
        """Return what a request was answered, if it is its client's latest; else None."""
        latest, answer = self.sessions.get(client, (-1, None))
        return answer if request == latest else None

    def perform(self, name: str, key: Any, *arguments: Any) -> Answer:
        """Change the store by one operation, whoever asks and however often."""
        if name == "write":
            self.values[key] = arguments[0]
            return {"type": "write_ok"}
        expected, new, create = arguments
        if key not in self.values:
            if not create:
                return refusal(MISSING)
        elif self.values[key] != expected:
            return refusal(MISMATCH)
        self.values[key] = new
        return {"type": "cas_ok"}

    def read(self, key: Any) -> Answer:
        """Return the answer to a read of a key now."""
        if key not in self.values:
            return refusal(MISSING)
        return {"type": "read_ok", "value": self.values[key]}

    def image(self) -> dict[str, Any]:
        """Return the whole state as JSON; keys may be any scalar, so pairs stand for the dict."""
        return {
            "values": [[key, value] for key, value in self.values.items()],
            "sessions": [[client, *session] for client, session in self.sessions.items()],
        }

    def restore(self, image: dict[str, Any]) -> None:
        """Become the state that an image shows."""
        self.values = {key: value for key, value in image["values"]}  # noqa: C416 - lists of two
        self.sessions = {client: (request, answer) for client, request, answer in image["sessions"]}
