"""Scenarios that stand in files, in folders of them and in the catalogue; new ones for a node."""
