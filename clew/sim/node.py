"""The name that `clew.node.node` had, under which users' files may still import from it."""

from __future__ import annotations

from clew.node.node import ERROR_CODES, Node, RPCError, RPCTimeout, on

__all__ = ["ERROR_CODES", "Node", "RPCError", "RPCTimeout", "on"]
