"""Node implementations that ship, each a file to be read; their planted bugs beside them."""
