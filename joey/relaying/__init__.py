"""Asking for a relay: sessions, attempts, verification."""
