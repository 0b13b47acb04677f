"""The embedded chain: a whole Pocket network in one file."""

from joey.adapters.chains.local.chain import LocalChain, read_genesis

__all__ = ["LocalChain", "read_genesis"]
