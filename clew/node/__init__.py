"""What a user writes, and what a running node is made of: written once, for every runtime."""
