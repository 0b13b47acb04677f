"""Configuration to running roles: the only package that knows every name."""
