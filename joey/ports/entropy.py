"""Chance, replayable."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Entropy"]


class Entropy(Protocol):
    """Where roles get random numbers from."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` random bytes fit for keys."""
        ...

    def random_scalar(self) -> int:
        """Return a scalar of secp256k1, uniform in [1, N)."""
        ...

    def random_unit(self) -> float:
        """Return a number in [0, 1) for choices, not for keys."""
        ...
