"""How seeds are spent: sweeps, workers, verification, coverage and shrinking."""
