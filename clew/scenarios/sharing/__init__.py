"""What the nodes of one process share: found, and told apart from what they may."""
