"""User code: files read through, imported and held apart, and the models they give."""
