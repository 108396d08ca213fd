"""How seeds are spent."""
