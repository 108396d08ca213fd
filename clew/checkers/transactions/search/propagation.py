"""Orders of versions that follow from the edges that are certain, or from guesses.

Of two versions of a key one comes first. If the one choice would close a forbidden cycle with
what is certain, the other is certain too, and so are the edges that follow from it; this is
repeated until nothing more follows. It takes polynomial time and decides most pairs of most
histories. If it ends in a circle, no order of the versions explains the history.

Source: Papadimitriou, "The serializability of concurrent database updates", JACM 1979
(polygraphs); Tan et al., "Cobra", OSDI 2020, section 4.2, and Huang et al., "PolySI", VLDB 2023
(pruning by reachability).

Left out: what follows only from two choices of which one must be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clew.checkers.order_graph import in_order
from clew.checkers.transactions.cycles import Cycle, name_of
from clew.checkers.transactions.graph import RW, WW, DependencyGraph
from clew.checkers.transactions.search.polygraph import Choice, Hop, Label, Polygraph, Shape
from clew.checkers.transactions.version_orders.register_key import RegisterKey
from clew.checkers.verdict import Budget, OutOfBudget


class Conflict(NamedTuple):
    """Choices that can't all be made, and the cycle that they would close."""

    choices: tuple[Choice, ...]
    cycle: Cycle


class _Guess(NamedTuple):
    """A choice that was made for no reason, and how to return to the state before it."""

    choice: Choice
    mark: tuple[int, int]
    made: int


class Propagation:
    """The choices that a model leaves no way around.

    Args:
        graph: the edges that are certain.
        records: the keys; what is known of their versions' order is among the edges.
        model: what must hold.
        among: the nodes among which a choice may close a forbidden cycle; None for all.

    Attributes:
        made: the choices that were found or guessed, each with the moment at which it was.
        order: the nodes of the graph in an order that goes with all its edges.
    """

    def __init__(
        self,
        graph: DependencyGraph,
        records: Sequence[RegisterKey],
        model: str,
        among: Sequence[int] | None = None,
    ) -> None:
        self.polygraph = Polygraph(graph, model, among)
        self.records = records
        self.open = [
            index for index, record in enumerate(records)
            if not record.known and len(record.final) > 1
        ]  # fmt: skip
        self.made: dict[Choice, int] = {}
        self.order: list[int] = []
        self._size = len(graph.operations)
        self._moment = 1
        self._guesses: list[_Guess] = []
        self._flipped: dict[Choice, tuple[Choice, ...]] = {}

    def follow(self, budget: Budget) -> list[Hop]:
        """Make every choice that follows; a circle if what was made can't be, else nothing.

        O((nodes + edges) * versions / 64) for each round.
        """
        # Invariant: whatever was made follows from what is certain and the guesses that stand.
        # Choices only grow here, so the loop ends.
        while True:
            budget.spend(len(self.polygraph.targets))
            circles = self.circles()
            if circles:
                return circles[0]
            found: list[Choice] = []
            for group in self._groups():
                budget.spend(len(self.polygraph.targets))
                found += self._forced(group)
            if not found:
                return []
            for choice in found:
                self._make(choice)
            self._moment += 1

    def circles(self) -> list[list[Hop]]:
        """Return short forbidden circles, one per component that has any; set ``order``."""
        self.order = in_order(self.polygraph.targets)
        if len(self.order) < len(self.polygraph.targets):
            return self.polygraph.circles(self.order)
        return self._led_back()

    def guess(self, choice: Choice) -> None:
        """Make a choice; `give_up` takes it back."""
        self._guesses.append(_Guess(choice, self.polygraph.mark(), len(self.made)))
        self._make(choice)
        self._moment += 1

    def give_up(self, behind: Sequence[Choice]) -> None:
        """Take back the last of these guesses, and all since, and make the opposite choice.

        The opposite is taken back with the one before the last of them.
        """
        last = max(behind, key=self.made.__getitem__)
        # Every guess since was made under the one that was wrong, so it goes with it (backjumping:
        # Prosser 1993).
        while True:
            guess = self._guesses.pop()
            if guess.choice == last:
                break
        self.polygraph.take_back(guess.mark)
        for choice in list(self.made)[guess.made :]:
            del self.made[choice]
            self._flipped.pop(choice, None)
        index, earlier, later = last
        opposite = (index, later, earlier)
        self._flipped[opposite] = tuple(choice for choice in behind if choice != last)
        self._make(opposite)
        self._moment += 1

    def _make(self, choice: Choice) -> None:
        self.made[choice] = self._moment
        self.draw(choice)

    def draw(self, choice: Choice) -> None:
        """Draw the edges that follow from a choice without making it."""
        index, earlier, later = choice
        self.polygraph.add(earlier, later, Label(WW, choice, self._moment))
        for reader in self.records[index].readers.get(earlier, ()):
            if reader != later:
                self.polygraph.add(reader, later, Label(RW, choice, self._moment))

    # What follows.

    def _groups(self) -> Iterator[list[int]]:
        """Yield the open keys, some at a time, so that the sets of their writers stay small."""
        group: list[int] = []
        width = 0
        # Invariant: `width` is the number of writers in the group so far.
        for index in self.open:
            group.append(index)
            width += len(self.records[index].final)
            if width >= _WIDTH:
                yield group
                group, width = [], 0
        if group:
            yield group

    def _reached(self, writers: Sequence[int]) -> list[int]:
        """Return for each node, as bits, which of these lead to it.

        If a transaction has two nodes it has two bits: the one of its commit at a distance of
        `_width`. Whoever stands later in ``writers`` has the higher bit.
        """
        graph, width = self.polygraph, self._width(writers)
        if len(graph.targets) * (len(writers) + width) > _BITS_MAX:
            raise OutOfBudget(
                f"{len(writers)} versions of one key need too much memory", "more keys"
            )
        own = [0] * len(graph.targets)
        for bit, writer in enumerate(writers):
            own[graph.beginning(writer)] |= 1 << bit
            own[graph.commit(writer)] |= 1 << bit + width
        before = [0] * len(graph.targets)
        # Invariant: what leads to a node is known when its turn comes, for all of that had its
        # turn.
        for node in self.order:
            mask = before[node] | own[node]
            if mask:
                for target in graph.targets[node]:
                    before[target] |= mask
        return before

    def _width(self, writers: Sequence[int]) -> int:
        return len(writers) if self.polygraph.is_split else 0

    def _forced(self, group: Sequence[int]) -> list[Choice]:
        """Find the choices on these keys whose opposite would close a forbidden cycle.

        Those are left out that follow from the others.
        """
        graph = self.polygraph
        rank = dict.fromkeys(w for index in group for w in self.records[index].final)
        writers = [w for w in map(graph.owner, self.order) if w in rank]
        writers = list(dict.fromkeys(reversed(writers)))[::-1]  # by commit
        bits = {writer: 1 << bit for bit, writer in enumerate(writers)}
        before, width = self._reached(writers), self._width(writers)
        found = []
        for index in group:
            record = self.records[index]
            key = sum(bits[writer] for writer in record.final)
            # If w reaches v, or a reader of v, the edges of "v first" would close a circle: so
            # w's version comes before v's (Cobra, section 4.2).
            earlier = {
                writer: self._earlier(record, writer, before, width) & key & ~bits[writer]
                for writer in record.final
            }
            for writer, before_it in earlier.items():
                left = before_it
                # The last by commit first: what must come before it comes before this writer too,
                # and need not be drawn again.
                while left:
                    first = writers[left.bit_length() - 1]
                    left &= ~(earlier[first] | bits[first])
                    if (index, first, writer) not in self.made:
                        found.append((index, first, writer))
        return found

    def _earlier(self, record: RegisterKey, writer: int, before: list[int], width: int) -> int:
        """Return as bits the writers whose versions can't come after this writer's."""
        graph = self.polygraph
        mask = before[graph.commit(writer)] >> (width if graph.shape is Shape.PREFIX else 0)
        if graph.shape in _READERS_COUNT:
            for reader in record.readers.get(writer, ()):
                mask |= before[graph.beginning(reader)] >> width
        return mask

    def _led_back(self) -> list[list[Hop]]:
        """Find an anti-dependency and a path that leads back from it, if one is too many."""
        anti = self.polygraph.anti
        if self.polygraph.shape is not Shape.SINGLE or not anti:
            return []
        behind: dict[int, list[int]] = {}
        for source, target, _ in anti:
            # Anti-dependencies through a hub: into the hub, then to each of its members.
            if source >= self._size:
                behind.setdefault(source, []).append(target)
        # Sets of some goals at a time, as in `_groups`.
        for low in range(0, self._size, _WIDTH):
            before = self._reached(range(low, min(low + _WIDTH, self._size)))
            for source, target, label in anti:
                if source >= self._size:
                    continue
                for goal in behind.get(target, (target,)):
                    if low <= goal < low + _WIDTH and before[source] >> (goal - low) & 1:
                        path = self.polygraph.path([goal], [source], _ALWAYS)
                        return [[Hop(source, goal, label), *path]]
        return []

    # Why.

    def explain(self, circle: Sequence[Hop], budget: Budget) -> tuple[list[Conflict], list[Choice]]:
        """Return the conflicts that lead to a circle, causes first, and the guesses behind them."""
        conflicts = [self._conflict(circle)]
        guesses: dict[Choice, None] = {}
        waiting = [*conflicts[0].choices]
        both = [(i, a, b) for i, a, b in waiting if (i, b, a) in waiting]
        if both:  # each of the two was found to be certain: that is enough
            conflicts, waiting = [], both[:1] + [(i, b, a) for i, a, b in both[:1]]
        guessed = {guess.choice for guess in self._guesses}
        seen = dict.fromkeys(waiting)
        # Invariant: of each choice seen that does not wait the causes were seen, and its conflict
        # or its guess noted. Causes were made before what follows from them, so this ends.
        while waiting:
            choice = waiting.pop()
            if choice in guessed:
                guesses[choice] = None
                continue
            causes: Sequence[Choice]
            if choice in self._flipped:
                causes = self._flipped[choice]
            else:
                budget.spend(len(self.polygraph.targets))
                conflict = self._why(choice)
                conflicts.append(conflict)
                index, earlier, later = choice
                causes = [cause for cause in conflict.choices if cause != (index, later, earlier)]
            waiting += [cause for cause in causes if cause not in seen]
            seen.update(dict.fromkeys(causes))
        return conflicts[::-1], list(guesses)

    def _conflict(self, steps: Sequence[Hop], *more: Choice) -> Conflict:
        """Return the choices behind a circle, and the circle of transactions."""
        owner = self.polygraph.owner
        # Hops within a transaction, from beginning to commit, and hops from a moment have no
        # transaction of their own to leave; they are no edges of the story.
        edges = [
            (owner(step.source), step.label.kind) for step in steps
            if owner(step.source) >= 0 and owner(step.source) != owner(step.target)
        ]  # fmt: skip
        nodes, kinds = zip(*edges, strict=True)
        choices = {*more, *(step.label.choice for step in steps if step.label.choice is not None)}
        name = name_of(kinds, prefix=self.polygraph.shape is Shape.PREFIX)
        return Conflict(tuple(sorted(choices)), Cycle(name, nodes, kinds))

    def _why(self, choice: Choice) -> Conflict:
        """Find the circle that the opposite of a choice would have closed when it was made."""
        index, earlier, later = choice
        graph, moment = self.polygraph, self.made[choice]
        opposite = (index, later, earlier)
        paths = []
        # At that moment only what was drawn before it counts: causes precede their effects, and
        # `explain` ends.
        way = graph.path([graph.overwriting(earlier)], [graph.commit(later)], moment)
        if way:
            paths.append([Hop(later, earlier, Label(WW, opposite)), *way])
        readers = self.records[index].readers.get(later, ())
        if graph.shape in _READERS_COUNT and readers:
            way = graph.path([graph.commit(earlier)], map(graph.beginning, readers), moment)
            if way:
                reader = graph.owner(way[-1].target)
                paths.append([Hop(reader, earlier, Label(RW, opposite)), *way])
        return self._conflict(min(paths, key=len), opposite)


_ALWAYS = 1 << 62
_BITS_MAX = 1 << 33
_WIDTH = 8192
"""Writers at a time: with more of them, sets take more memory than is worth the time saved."""
_READERS_COUNT = (Shape.ANY, Shape.NOT_ADJACENT, Shape.PREFIX, Shape.SINGLE)
