"""Running a plan: the cluster, its clients, and what came of it."""
