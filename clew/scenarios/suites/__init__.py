"""Scenarios in files, in folders of files and in the catalogue; new ones for a node."""
