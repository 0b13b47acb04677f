"""Stores in SQLite files, one per role."""
