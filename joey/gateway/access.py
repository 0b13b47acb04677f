"""Who may call: an API key becomes a tenant.

A key is known by its SHA-256 alone. It is 256 bits of chance, so the hash needs no salt.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256

from joey.core.errors import NotAuthenticated
from joey.ports.entropy import Entropy
from joey.ports.stores import Tenant, Tenants
from joey.relaying.instants import now

__all__ = ["API_KEY_LENGTH_MAX", "Access", "hash_api_key", "make_api_key"]

_KEY_PREFIX = "sk-joey-"
API_KEY_LENGTH_MAX = 512
_CACHED_MAX = 10_000
_CACHED_S = 30.0
_REFUSAL = "no valid API key: send yours as the header 'Authorization: Bearer YOUR_API_KEY'"


def make_api_key(entropy: Entropy) -> str:
    """Return a new key. It is shown once; only its hash is kept."""
    return _KEY_PREFIX + base64.urlsafe_b64encode(entropy.random_bytes(32)).decode().rstrip("=")


def hash_api_key(api_key: str) -> bytes:
    """Return the SHA-256 by which a key is kept."""
    return sha256(api_key.encode()).digest()


class Access:
    """Finds tenants, and remembers the valid ones for half a minute."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._known: dict[bytes, tuple[Tenant, float]] = {}

    async def authenticate(self, headers: Mapping[str, str]) -> Tenant:
        """Return whose request this is; names of `headers` are lower case.

        Raises `NotAuthenticated`, with one text whatever is wrong.
        """
        scheme, _, api_key = headers.get("authorization", "").partition(" ")
        api_key = api_key.strip()
        if scheme.lower() != "bearer" or not api_key.isascii() or not 0 < len(api_key) <= API_KEY_LENGTH_MAX:
            raise NotAuthenticated(_REFUSAL)
        key_hash = hash_api_key(api_key)
        asked = now()
        known = self._known.get(key_hash)
        if known is not None and asked < known[1]:
            return known[0]
        self._known.pop(key_hash, None)
        tenant = await self._tenants.find(key_hash)
        if tenant is None:
            raise NotAuthenticated(_REFUSAL)
        if len(self._known) >= _CACHED_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[key_hash] = (tenant, asked + _CACHED_S)
        return tenant
