"""Small networks for tests: keys by name, a genesis that funds them, and everything staked.

Nothing here is secret: a key is the hash of its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.protocol.state import Validator
from joey.core.trie.smst import fold
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Upokt
from joey.core.wire.messages import (
    AddService,
    DelegateToGateway,
    Message,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
)
from joey.core.wire.session import RevenueShare, Service, ServiceConfig, SupplierEndpoint

__all__ = [
    "WITHOUT_PROOFS",
    "Staking",
    "World",
    "make_genesis",
    "make_key",
    "make_supplier_config",
    "make_trie_root",
    "without_proofs",
]

Submit = Callable[[Sequence[Message], PrivateKey], Awaitable[object]]


def without_proofs(params: NetworkParams) -> NetworkParams:
    """Return parameters under which no claim needs a proof, whatever it is worth."""
    proof = replace(
        params.proof,
        proof_request_probability=Fraction(0),
        proof_requirement_threshold=Upokt(2**63 - 1),
    )
    return replace(params, proof=proof)


WITHOUT_PROOFS = without_proofs(MINIMAL)
"""The minimal parameters for tests that are not about proofs."""


def make_key(name: str) -> PrivateKey:
    """Return the key of a name, always the same."""
    return PrivateKey.from_bytes(hashlib.sha256(f"joey test key {name}".encode()).digest())


def make_genesis(
    names: Iterable[str],
    *,
    params: NetworkParams = WITHOUT_PROOFS,
    balance: Upokt = Upokt(1_000_000 * UPOKT_PER_POKT),
    chain_id: str = "joey-test",
) -> Genesis:
    """Return a genesis with the same balance for the key of each name, two validators, and a DAO."""
    tokenomics = replace(params.tokenomics, dao_reward_address=make_key("dao").address)
    return Genesis(
        chain_id=chain_id,
        time=datetime(2026, 1, 5, tzinfo=UTC),
        params=replace(params, tokenomics=tokenomics),
        balances={make_key(name).address: balance for name in names},
        validators=(
            Validator(make_key("validator 1").address, Upokt(3 * UPOKT_PER_POKT)),
            Validator(make_key("validator 2").address, Upokt(1 * UPOKT_PER_POKT)),
        ),
    )


def make_supplier_config(
    service_id: str, owner_address: str, operator_address: str, *, url: str = "http://127.0.0.1:8545"
) -> ServiceConfig:
    """Return a config that gives the owner 80 % and the operator 20 %, or one account all."""
    shares: tuple[RevenueShare, ...] = (RevenueShare(owner_address, 100),)
    if owner_address != operator_address:
        shares = (RevenueShare(owner_address, 80), RevenueShare(operator_address, 20))
    return ServiceConfig(service_id, (SupplierEndpoint(url),), shares)


def make_trie_root(seed: str, relays: int, compute_units: ComputeUnits) -> bytes:
    """Return the root of a real session trie of so many different relays of equal weight."""
    keys = (hashlib.sha256(f"{seed} relay {number}".encode()).digest() for number in range(relays))
    return fold((key, key, compute_units) for key in keys)


@dataclass(frozen=True, slots=True)
class Staking:
    """One message and the name of the key that signs it."""

    signer: str
    message: Message


@dataclass(frozen=True, slots=True)
class World:
    """A service, an application, its gateway and suppliers, all by name, all owned by themselves."""

    service: Service
    application: str = "application"
    gateway: str = "gateway"
    suppliers: tuple[str, ...] = ("supplier 1", "supplier 2")
    service_owner: str = "service owner"
    application_stake: Upokt = Upokt(10_000 * UPOKT_PER_POKT)
    supplier_stake: Upokt = Upokt(100_000 * UPOKT_PER_POKT)
    gateway_stake: Upokt = Upokt(10_000 * UPOKT_PER_POKT)

    @classmethod
    def of_service(cls, service_id: str = "text", compute_units: int = 3000, suppliers: int = 2) -> World:
        """Return a world around one service of a price."""
        service = Service(
            service_id, "a service", ComputeUnits(compute_units), make_key("service owner").address
        )
        return cls(service, suppliers=tuple(f"supplier {number + 1}" for number in range(suppliers)))

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who needs a balance."""
        return (self.service_owner, self.application, self.gateway, *self.suppliers)

    def stakings(self) -> tuple[Staking, ...]:
        """Return what sets the world up, in an order that works."""
        application, gateway = make_key(self.application).address, make_key(self.gateway).address
        stakings = [
            Staking(self.service_owner, AddService(self.service.owner_address, self.service)),
            Staking(self.gateway, StakeGateway(gateway, self.gateway_stake)),
            Staking(
                self.application,
                StakeApplication(application, self.application_stake, self.service.id),
            ),
            Staking(self.application, DelegateToGateway(application, gateway)),
        ]
        for name in self.suppliers:
            address = make_key(name).address
            config = make_supplier_config(self.service.id, address, address)
            message = StakeSupplier(address, address, address, self.supplier_stake, (config,))
            stakings.append(Staking(name, message))
        return tuple(stakings)

    async def stake(self, submit: Submit) -> None:
        """Set the world up, one transaction after another."""
        for staking in self.stakings():
            await submit([staking.message], make_key(staking.signer))
