"""Chains: the embedded one in `local`."""
