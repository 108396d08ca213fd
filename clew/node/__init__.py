"""What a user writes, and what a running node consists of: written once, for every runtime."""
