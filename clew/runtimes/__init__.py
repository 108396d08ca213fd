"""What runs nodes: each runtime is thin, and runs the same node classes."""
