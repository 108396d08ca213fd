"""Planted bugs, each a small override of a model; `clew list bugs` prints them."""
