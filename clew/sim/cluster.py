"""One run as one object graph: the world, the network, the hosts, the trace and the findings.

A cluster is built from values alone and holds no module state; two of them can live side by side.
What happens in it is decided by its arguments and by the calls that faults and clients make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from clew.machine.text import Unwinding
from clew.node.node import Node, role_of_name, takes_members
from clew.node.system import (
    Program,
    Role,
    System,
    classes_by_node,
    classes_of,
    tells_own_state,
    tells_state,
)
from clew.sim.entropy import Entropy, Fork, ForkingEntropy
from clew.sim.findings import Findings
from clew.sim.host import Host, MakeProcess
from clew.sim.latency import Latency
from clew.sim.limits import Limits
from clew.sim.load import Load
from clew.sim.network import Endpoint, Link, Network
from clew.sim.observer import Observer
from clew.sim.orders.order import OrderPolicy
from clew.sim.regions import Regions
from clew.sim.setting import Setting
from clew.sim.tripwires import Tripwires
from clew.sim.world import EndlessLoop, World
from clew.trace.record import BATCH, Trace


class Cluster:
    """Nodes, the network between them, and everything that was observed.

    Args:
        seed: every draw of the run comes from it.
        program: what runs on the hosts: one class, or a system.
        node_ids: the hosts' names, in order.
        latency: of every link.
        services: classes of further endpoints by name, started when first sent to.
        order: which pending event happens next; time order if None.
        keep_trace: False keeps the trace's digest only.
        stop_on_finding: end the run at the first finding.
        events_max: a run of more events is stopped with a finding; None for no bound.
        make_process: makes what runs on a host: a runtime.
        invariants: the ranks of those of the class's that are watched; None for all.
        strict_replies: a reply that nobody waits for is a finding.
        clock_error_ns: how far a node's clock may be off; None for no bound.
        regions: where the nodes stand; None for one place.
        bandwidth: how many bytes per second each link carries; 0 for any number.
        roles: the nodes of each role of a system; empty for one class.
        tripwires: what `make_process` lays at each process; None if no fault waits for anything.

    Attributes:
        roles: as given.
        node_ids: the nodes that have a machine now, in the order in which they came.
        members: those that are members as nodes are told; one that is about to leave is none.
        hosts: by name, in the order of `node_ids`.
        nodes: the live instances by name.
        findings: what went wrong, in order, each kind of thing once.
        effects: rank of the first effect mark of a request, by (client, msg_id).
        movers: called with the nodes of a client's region when it has come to another, by its name.
        tripwires: as given.
        limits: what ends a run that does not end by itself.
        looked_at: what the nodes' own code read of the machine, by name, each once.
    """

    def __init__(
        self,
        seed: int,
        program: Program,
        node_ids: Sequence[str],
        *,
        make_process: MakeProcess,
        latency: Latency | None = None,
        services: Mapping[str, type[Node]] | None = None,
        order: OrderPolicy | None = None,
        keep_trace: bool = True,
        stop_on_finding: bool = False,
        events_max: int | None = None,
        invariants: Sequence[int] | None = None,
        strict_replies: bool = False,
        clock_error_ns: int | None = None,
        regions: Regions | None = None,
        bandwidth: int = 0,
        roles: Mapping[str, Sequence[str]] = MappingProxyType({}),
        tripwires: Tripwires | None = None,
        fork: Fork | None = None,
    ) -> None:
        self.tripwires = tripwires
        self.roles = {role: [*names] for role, names in roles.items()}
        self.node_ids = list(node_ids)
        self.members = list(node_ids)
        self._gone: dict[str, Host] = {}
        self.looked_at: dict[str, None] = {}
        self.clients: dict[str, Endpoint] = {}
        self.movers: dict[str, Callable[[Sequence[str]], None]] = {}
        self.services: dict[str, Host] = {}
        self._service_classes = dict(services or {})
        self._program = program
        self._make_process = make_process
        # In order of dependence: each part is passed to those that come after it.
        self.world = world = World(order)
        self.entropy = Entropy(seed) if fork is None else self._forking(seed, fork)
        self.trace = trace = Trace(keep=keep_trace, on_batch=self._check)
        self.network = Network(
            world, self.entropy, trace, latency or Latency(), self.endpoint, regions
        )
        self.network.bandwidth = bandwidth
        self.findings = Findings(world, trace, stop=stop_on_finding, strict_replies=strict_replies)
        watched = program.invariants
        if invariants is not None:
            watched = tuple(watched[rank] for rank in invariants)
        self._observer = Observer(
            world, trace, self.findings, watched,
            states=tells_state(program), shown=tells_own_state(program),
        )  # fmt: skip
        self.nodes = self._observer.nodes
        classes, count = classes_of(program), len(node_ids)
        self.limits = Limits(world, trace, self.network, self.findings, classes, count, events_max)
        self._setting = Setting(
            world, self.entropy, trace, self.network, self.findings, self._observer,
            self.members, [*self.node_ids, *self._service_classes], roles, clock_error_ns,
        )  # fmt: skip
        self.effects = self._setting.effects
        self.hosts = {
            name: Host(self._setting, name, node_class, make_process)
            for name, node_class in classes_by_node(program, self.node_ids, roles).items()
        }
        world.when_abandoned = self._cut
        world.when_stuck = self.limits.clocks_asked
        world.when_interrupted = self.findings.interrupted

    def _forking(self, seed: int, fork: Fork) -> Entropy:
        """Make an entropy that is another seed's from a moment on."""
        entropy = ForkingEntropy(seed)
        self.world.call_at(fork.at_ns, entropy.turn, fork.seed)
        return entropy

    @property
    def talked(self) -> bool:
        """True once a node has sent something to another."""
        return self._setting.talked

    # Who is a member.

    def join(self, name: str, known: Sequence[str]) -> None:
        """Boot a node on a new machine that knows some members of the cluster, and itself.

        Args:
            name: the new node's; no node has had it.
            known: the members that it knows.
        """
        role = role_of_name(name, self.roles)
        if role is not None:
            self.roles[role].append(name)
        node_class = classes_by_node(self._program, [name], self.roles)[name]
        host = Host(self._setting, name, node_class, self._make_process)
        host.joined, host.known = True, [*known, name]
        self.hosts[name] = host
        self.node_ids.append(name)
        self.members.append(name)
        self._setting.names.append(name)
        self.restart([host])

    def may_join(self, name: str) -> bool:
        """Return whether the role of a new node's name takes new members, and has room for one.

        Those that are to leave count until they are gone.
        """
        role, kin = self._role_of(name)
        return role is None or (
            takes_members(role.node_class) and (role.most is None or len(kin) < role.most)
        )

    def may_leave(self, name: str) -> bool:
        """Return whether there are members enough of its role without one, and anybody at all."""
        role, kin = self._role_of(name)
        left = [member for member in self.members if member in kin and member != name]
        return len(self.members) > 1 and (
            role is None or (takes_members(role.node_class) and len(left) >= role.least)
        )

    def _role_of(self, name: str) -> tuple[Role | None, list[str]]:
        """Return a node's role and the nodes of that role; none for a program of one class."""
        program = self._program
        listed = next((role for role, names in self.roles.items() if name in names), None)
        role = listed or role_of_name(name, self.roles)
        if role is None or not isinstance(program, System):
            return None, []
        return program.roles[role], self.roles[role]

    def leave(self, name: str) -> None:
        """Shut a member down for good; its machine is gone."""
        host = self._gone[name] = self.hosts.pop(name)
        self.node_ids.remove(name)
        for names in self.roles.values():
            if name in names:
                names.remove(name)
        host.crash("left", "lost")

    # The machines.

    def boot(self) -> None:
        """Start every node."""
        self.restart(list(self.hosts.values()))

    def restart(self, hosts: Sequence[Host]) -> None:
        """Start a process on each of some hosts that are down."""
        hosts = [host for host in hosts if host.id not in self._gone]
        # All exist before the first begins, so that what it sends at once finds its receiver.
        try:
            for process in [host.loaded() for host in hosts]:
                process.boot()
        except EndlessLoop:
            self.world.abandon()
        except KeyboardInterrupt as error:
            if not self.findings.interrupted(error):
                self.world.current = None
                raise
            self.world.abandon()
        except Unwinding:
            self.world.current = None
            raise

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the node, client or service of a name; None if there is none."""
        found = self.hosts.get(name) or self.clients.get(name) or self.services.get(name)
        found = found or self._gone.get(name)
        if found is None and name in self._service_classes:
            found = host = Host(
                self._setting, name, self._service_classes[name], self._make_process, is_node=False
            )
            self.services[name] = host
            host.boot()
        return found

    def add_client(
        self, name: str, node: str = "", moved: Callable[[Sequence[str]], None] | None = None
    ) -> Endpoint:
        """Add an endpoint outside the cluster; its owner sets `Endpoint.process`.

        Args:
            name: its id.
            node: the node in whose region it stands, if there are regions.
            moved: called with the nodes of its region when it has come to another.
        """
        if moved is not None:
            self.movers[name] = moved
        self.clients[name] = endpoint = Endpoint(name, is_node=False)
        places = self.network.places
        if node in places:
            places[name] = places[node]
        return endpoint

    def move_client(self, name: str, region: str) -> None:
        """Move a client to another region: its messages then take as long as from there."""
        network, regions = self.network, self.network.regions
        assert regions is not None
        network.places[name] = region
        for link in network.links():
            if name in link.ends:
                link.move(network.latency_of(*link.ends))
        self.movers[name](regions.nodes[region])

    def link(self, src: str, dest: str) -> Link:
        """Return the link between two endpoints that exist."""
        sender = self.endpoint(src)
        assert sender is not None
        found = self.network.link(sender, dest)
        assert found is not None
        return found

    def live_hosts(self) -> list[Host]:
        """Return the hosts whose process runs and is not paused, in order."""
        return [
            host
            for host in self.hosts.values()
            if host.process is not None and not host.process.paused
        ]

    def hosts_in_state(self, state: str) -> list[Host]:
        """Return the live hosts whose node reports this server state, in order."""
        before, found = self.world.current, []
        for host in self.live_hosts():
            self.world.current = host.process  # the hook is the node's code
            if host.node is not None and self._observer.server_state(host.node) == state:
                found.append(host)
        self.world.current = before
        return found

    def loads(self) -> dict[str, Load]:
        """Return what the workers of each host did so far, leaving out hosts that never worked."""
        found = {host.id: host.load for host in self.hosts.values() if host.load is not None}
        for load in found.values():
            load.settle(self.world.now)
        return found

    def _check(self) -> None:
        """Check the limits, once per batch of trace records: they come after the trace."""
        self.limits.check()

    def _cut(self) -> None:
        """Keep only a fixed part of what a stopped call sent: how much it was is chance."""
        del self.trace.batch[BATCH:]

    def close(self) -> str:
        """End every process and the trace; return the digest. Nodes' last acts are ignored.

        Without this, coroutines that are still open would run their ``finally`` blocks when the
        garbage collector finds them, in the middle of something else.
        """
        digest = self.trace.close()
        for host in [*self.hosts.values(), *self.services.values()]:
            if host.process is not None:
                host.process.end()
        return digest
