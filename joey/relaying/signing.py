"""Sessions made ready to sign in: the ring, our place in it, and where each supplier is reached.

What holds for a whole session is asked of the chain once; what is left per relay is one envelope,
one ring signature and one encoding.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import sign_ring
from joey.core.errors import NoSupplierLeft
from joey.core.protocol.rings import compute_ring, list_ring_addresses
from joey.core.wire.envelope import HttpRequest, encode_request
from joey.core.wire.relay import RelayRequest, compute_request_hash, encode_relay_request
from joey.core.wire.session import Application, RpcType, Session, Supplier
from joey.ports.chain import Chain
from joey.ports.entropy import Entropy
from joey.relaying.public_keys import PublicKeys

__all__ = ["PreparedSession", "RelayCall", "SessionSigner", "SignedRelay", "SupplierTarget"]

_log = logging.getLogger("joey.relaying")

_PREPARED_MAX = 256
_ENDPOINT_KINDS = (RpcType.REST, RpcType.JSON_RPC)
"""An AI service is REST; suppliers that declared only the network's most common kind are asked there."""


@dataclass(frozen=True, slots=True)
class RelayCall:
    """What a relay asks an engine: a POST of JSON to a path such as `/v1/chat/completions`.

    Nothing else of the client travels: no header, no address, no credential, no query.
    """

    path: str
    body: bytes
    stream: bool


@dataclass(frozen=True, slots=True)
class SupplierTarget:
    """Where a supplier takes relays, and the key its answers are signed with."""

    url: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class PreparedSession:
    """A session in which this gateway can sign.

    `targets` has the suppliers that can be asked, by operator address.
    """

    session: Session
    ring: tuple[bytes, ...]
    signer_index: int
    targets: Mapping[str, SupplierTarget]


@dataclass(frozen=True, slots=True)
class SignedRelay:
    """A request as sent: the value, its bytes on the wire, and for whom it is."""

    request: RelayRequest
    wire: bytes
    target: SupplierTarget


class SessionSigner:
    """Signs relays with one gateway's key, in the name of the applications that delegate to it."""

    def __init__(self, chain: Chain, public_keys: PublicKeys, key: PrivateKey, entropy: Entropy) -> None:
        self._chain = chain
        self._public_keys = public_keys
        self._key = key
        self._entropy = entropy
        self._prepared: dict[str, PreparedSession] = {}

    def find(self, session: Session) -> PreparedSession | None:
        """Return what `prepare` would, if the session is prepared already."""
        return self._prepared.get(session.header.session_id)

    async def prepare(self, session: Session) -> PreparedSession:
        """Return a session with all that signing in it needs.

        Raises `ChainUnavailable`, or `NoSupplierLeft` when the application's ring has no place for
        this gateway.
        """
        header = session.header
        prepared = self.find(session)
        if prepared is None:
            ring = await self._find_ring(session)
            prepared = PreparedSession(
                session, ring, ring.index(self._key.public_key), await self._find_targets(session)
            )
            if len(self._prepared) >= _PREPARED_MAX:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[header.session_id] = prepared
        return prepared

    def sign(self, prepared: PreparedSession, supplier_address: str, call: RelayCall) -> SignedRelay:
        """Return one attempt, signed afresh: identical bytes would share a leaf."""
        target = prepared.targets[supplier_address]
        accept = "text/event-stream" if call.stream else "application/json"
        payload = encode_request(
            HttpRequest(
                "POST",
                target.url.rstrip("/") + call.path,
                (("Accept", accept), ("Content-Type", "application/json")),
                call.body,
            )
        )
        request = RelayRequest(prepared.session.header, supplier_address, payload)
        signature = sign_ring(
            compute_request_hash(request),
            prepared.ring,
            prepared.signer_index,
            self._key,
            self._entropy.random_scalar,
        )
        request = RelayRequest(request.header, supplier_address, payload, signature)
        return SignedRelay(request, encode_relay_request(request), target)

    async def _find_ring(self, session: Session) -> tuple[bytes, ...]:
        header = session.header
        ring = await self._ask_ring(session.application, session)
        if self._key.public_key not in ring:
            # The session was told before the application delegated to us: look at it as it is now.
            application = await self._chain.application(header.application_address)
            if application is not None:
                ring = await self._ask_ring(application, session)
        if self._key.public_key not in ring:
            raise NoSupplierLeft(
                f"application {header.application_address} has not delegated to gateway {self._key.address}",
                causes=(),
                repeatable=True,
            )
        return ring

    async def _ask_ring(self, application: Application, session: Session) -> tuple[bytes, ...]:
        """Return the ring of the keys on chain; a member that never signed cannot be in it."""
        height_end = session.header.height_end
        keys: dict[str, bytes] = {}
        for address in list_ring_addresses(application, height_end):
            key = await self._public_keys.find(address)
            if key is None:
                raise NoSupplierLeft(
                    f"{address} has no public key on chain yet: its account must sign a transaction first",
                    causes=(),
                    repeatable=True,
                )
            keys[address] = key
        return compute_ring(application, height_end, keys)

    async def _find_targets(self, session: Session) -> Mapping[str, SupplierTarget]:
        targets: dict[str, SupplierTarget] = {}
        for supplier in session.suppliers:
            address = supplier.operator_address
            url = _find_endpoint(supplier, session.header.service_id)
            public_key = await self._public_keys.find(address)
            if url is None:
                _log.warning("supplier %s has no endpoint we can use, it is left out", address)
            elif public_key is None:
                _log.warning("supplier %s has no public key on chain, it is left out", address)
            else:
                targets[address] = SupplierTarget(url, public_key)
        return targets


def _find_endpoint(supplier: Supplier, service_id: str) -> str | None:
    endpoints = [
        endpoint
        for config in supplier.services
        if config.service_id == service_id
        for endpoint in config.endpoints
        if endpoint.url.startswith(("http://", "https://"))
    ]
    return next(
        (endpoint.url for kind in _ENDPOINT_KINDS for endpoint in endpoints if endpoint.rpc_type == kind),
        None,
    )
