"""What a crash leaves on a disk: what was synced for certain, of the rest a part at best."""

from clew.node.disk import Disk
from clew.sim.entropy import Entropy

for ending in ("lost", "kept", "torn"):
    disk = Disk()
    disk.append("log", b"first line\n")
    disk.fsync()
    disk["count"] = 2
    disk.append("log", b"second line\n")
    disk.crash(ending, Entropy(3).stream("crash").below)
    print(f"{ending}: log {disk.read('log')}, count {disk.get('count', 'missing')}")
