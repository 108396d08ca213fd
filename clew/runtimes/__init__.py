"""What nodes stand on: each runtime is thin, and runs the same node classes."""
