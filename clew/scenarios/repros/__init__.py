"""Repro files: a plan with the verdict and digest to expect, and the trust in their code."""
