"""The former name of `clew.node.node`, from which users' files may still import."""

from __future__ import annotations

from clew.node.node import ERROR_CODES, Node, RPCError, RPCTimeout, on

__all__ = ["ERROR_CODES", "Node", "RPCError", "RPCTimeout", "on"]
