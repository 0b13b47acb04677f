"""The catalog of models."""
