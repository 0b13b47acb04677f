"""Shipped doubles, contract suites and the vector runner."""
