"""The machine's source of chance."""

from __future__ import annotations

import random
import secrets

from joey.core.crypto.curve import ORDER

__all__ = ["SystemEntropy"]


class SystemEntropy:
    """Fulfils `joey.ports.entropy.Entropy` from the operating system's generator."""

    def __init__(self) -> None:
        self._choices = random.Random(secrets.randbits(128))  # noqa: S311 - for choices, not for keys

    def random_bytes(self, count: int) -> bytes:
        """Return `count` random bytes fit for keys."""
        return secrets.token_bytes(count)

    def random_scalar(self) -> int:
        """Return a scalar of secp256k1, uniform in [1, N)."""
        return secrets.randbelow(ORDER - 1) + 1

    def random_unit(self) -> float:
        """Return a number in [0, 1) for choices, not for keys."""
        return self._choices.random()
