"""A plan made to happen: the cluster, its clients, and what came of it."""
