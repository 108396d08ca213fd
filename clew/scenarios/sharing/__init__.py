"""What the nodes of one process share, and whether they may."""
