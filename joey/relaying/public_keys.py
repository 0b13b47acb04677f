"""Public keys by address, asked of the chain once: a key, once on chain, never changes."""

from __future__ import annotations

from joey.ports.chain import Chain

__all__ = ["PublicKeys"]

_KEYS_MAX = 10_000


class PublicKeys:
    """A bounded memory of keys."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._keys: dict[str, bytes] = {}

    async def find(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account; `None` while it has never signed."""
        key = self._keys.get(address)
        if key is None:
            key = await self._chain.public_key(address)
            if key is not None:
                if len(self._keys) >= _KEYS_MAX:
                    self._keys.pop(next(iter(self._keys)))
                self._keys[address] = key
        return key
