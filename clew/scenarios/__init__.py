"""What may happen (a scenario), what does (a plan), and what ties a model to its checks."""
