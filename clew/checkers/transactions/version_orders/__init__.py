"""The order in which the versions of each key were installed, and the edges that follow from it."""
