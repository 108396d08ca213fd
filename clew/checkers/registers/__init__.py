"""Registers read and written one at a time: sessions, causality, sequential order, staleness."""
