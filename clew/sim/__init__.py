"""The world a cluster runs in: time, entropy, network, clocks, disks, processes, faults, trace."""
