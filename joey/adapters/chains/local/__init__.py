"""The embedded chain: a whole Pocket network in one file."""

from joey.adapters.chains.local.chain import CheckedTransaction, LocalChain, read_genesis

__all__ = ["CheckedTransaction", "LocalChain", "read_genesis"]
