"""Who may sign for an application at a height.

A ring is the application and the gateways it delegates to, as public keys. A gateway that was
undelegated stays a member up to the end of the session in which that happened.
Source: pocket pkg/crypto/rings/client.go, x/application/types.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.units import Height
from joey.core.wire.session import Application

__all__ = [
    "PLACEHOLDER_PUBLIC_KEY",
    "PLACEHOLDER_SECRET",
    "PLACEHOLDER_SORT_ADDRESS",
    "compute_placeholder_key",
    "compute_ring",
    "list_ring_addresses",
]

PLACEHOLDER_SECRET = b"placeholder_ring_key_for_apps_without_gateways"
"""What the placeholder's private key is made from: anyone can compute it, it only fills the ring."""

PLACEHOLDER_PUBLIC_KEY = bytes.fromhex("021066f293709356a33e9c13017867586baf52513e845bc4335233a15ed1e00baf")
"""The second member of a ring of an application that has no gateway."""

PLACEHOLDER_SORT_ADDRESS = "6178B12D0711F3A930A6133C39AE3B89E9E79A04"
"""Where the placeholder sorts: the network writes its address as upper-case hex, not as bech32."""


def list_ring_addresses(application: Application, height_end: Height) -> tuple[str, ...]:
    """Return the addresses in an application's ring, sorted; their public keys make the ring.

    `height_end` is the end height of the session that is signed for.
    """
    members = {application.address, *application.delegated_gateways}
    for height, gateways in application.pending_undelegations.items():
        if height >= height_end:
            members.update(gateways)
    return tuple(sorted(members))


def compute_ring(
    application: Application, height_end: Height, keys: Mapping[str, bytes]
) -> tuple[bytes, ...]:
    """Return the ring, 33 bytes a member, in the network's order: by address as text.

    `keys` has the public key of every address of `list_ring_addresses`. Raises `ValueError` for an
    address whose key is missing: its account has never signed.
    """
    addresses = list_ring_addresses(application, height_end)
    missing = [address for address in addresses if address not in keys]
    if missing:
        raise ValueError(f"no public key is known of {', '.join(missing)}")
    members = [(address, keys[address]) for address in addresses]
    if len(members) < 2:
        members.append((PLACEHOLDER_SORT_ADDRESS, PLACEHOLDER_PUBLIC_KEY))
    return tuple(key for _, key in sorted(members))


def compute_placeholder_key() -> PrivateKey:
    """Return the private key of the placeholder. Source: cosmos-sdk secp256k1.GenPrivKeyFromSecret."""
    scalar = int.from_bytes(sha256(PLACEHOLDER_SECRET).digest(), "big") % (ORDER - 1) + 1
    return PrivateKey(scalar.to_bytes(32, "big"))
