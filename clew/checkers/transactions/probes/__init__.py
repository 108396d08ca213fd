"""Workloads whose few kinds of transaction look for one anomaly each."""
