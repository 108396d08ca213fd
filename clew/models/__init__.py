"""Node implementations that ship, each a file or a folder to be read, with its planted bugs."""
