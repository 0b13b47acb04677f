"""Bytes exactly as the network hashes and signs them."""
