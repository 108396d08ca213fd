"""The version of Clew: what is installed, and what a digest may depend on."""

__version__ = "0.1.0"
