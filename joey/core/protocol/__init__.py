"""The rulebook of the network, as pure functions."""
