"""What a chain must do on which every claim needs a proof."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager

import pytest

from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import (
    ClaimExpired,
    ClaimSettled,
    ProofChecked,
    ProofSubmitted,
    SupplierSlashed,
)
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import Upokt
from joey.ports.chain import Chain
from joey.testing.chain_contract import ChainUnderTest, find_key
from joey.testing.proofs import serve_session
from joey.testing.worlds import World, make_key

__all__ = ["ProvingChainContract"]


@pytest.mark.anyio
class ProvingChainContract:
    """What a chain must do on which every claim needs a proof."""

    @abstractmethod
    def open_chain(self, world: World) -> AbstractAsyncContextManager[ChainUnderTest]:
        """Return a chain at its beginning that asks for a proof of every claim."""

    async def test_a_proven_claim_is_paid_and_another_slashed(self) -> None:
        """One supplier opens the leaf that it is asked for, the other does not."""
        world = World.of_service(suppliers=2)
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            served = [
                serve_session(
                    header,
                    find_key(world, supplier.operator_address),
                    application=make_key(world.application),
                    gateway=make_key(world.gateway),
                    compute_units=world.service.compute_units_per_relay,
                )
                for supplier in session.suppliers
            ]
            for one in served:
                await chain.submit([one.claim], one.supplier)
            seed_height = compute_proof_seed_height(header.height_end, shared)
            await under_test.go_to(seed_height)
            seed = await chain.block(seed_height)
            assert seed is not None
            honest, idle = served
            stake = await self._find_stake(chain, idle.supplier.address)
            result = await chain.submit([honest.prove(seed.hash)], honest.supplier)
            (submitted,) = result.events
            assert isinstance(submitted, ProofSubmitted)
            assert (submitted.header, submitted.supplier_address) == (header, honest.supplier.address)
            checked = [
                event for event in await chain.events(result.height) if isinstance(event, ProofChecked)
            ]
            assert [(event.status, event.failure) for event in checked] == [(ProofStatus.VALIDATED, "")]
            claim = await chain.claim(header.session_id, honest.supplier.address)
            assert claim is not None
            assert claim.proof_status is ProofStatus.VALIDATED
            height = compute_settlement_height(header.height_end, shared)
            await under_test.go_to(height)
            events = await chain.events(height)
            (settled,) = (event for event in events if isinstance(event, ClaimSettled))
            assert settled.supplier_address == honest.supplier.address
            assert settled.proof_requirement is ProofRequirement.THRESHOLD
            assert settled.proof_status is ProofStatus.VALIDATED
            (expired,) = (event for event in events if isinstance(event, ClaimExpired))
            assert (expired.supplier_address, expired.reason) == (idle.supplier.address, "PROOF_MISSING")
            penalty = (await chain.live_params(height)).proof.proof_missing_penalty
            assert expired.slashed == penalty > 0
            (slashed,) = (event for event in events if isinstance(event, SupplierSlashed))
            assert (slashed.penalty, slashed.stake) == (penalty, stake - penalty)
            assert await self._find_stake(chain, idle.supplier.address) == stake - penalty
            assert await chain.claims() == ()

    async def test_a_proof_of_another_leaf_is_worth_nothing(self) -> None:
        """A proof that the wrong block decided is refused, or its claim is not paid."""
        world = World.of_service(suppliers=1)
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            served = serve_session(
                header,
                find_key(world, session.suppliers[0].operator_address),
                application=make_key(world.application),
                gateway=make_key(world.gateway),
                compute_units=world.service.compute_units_per_relay,
            )
            await chain.submit([served.claim], served.supplier)
            await under_test.go_to(compute_proof_seed_height(header.height_end, shared))
            result = await chain.submit([served.prove(bytes(32))], served.supplier)
            (checked,) = (
                event for event in await chain.events(result.height) if isinstance(event, ProofChecked)
            )
            assert checked.status is ProofStatus.INVALID
            assert checked.failure
            height = compute_settlement_height(header.height_end, shared)
            await under_test.go_to(height)
            (expired,) = (event for event in await chain.events(height) if isinstance(event, ClaimExpired))
            assert expired.reason == "PROOF_INVALID"
            assert not [event for event in await chain.events(height) if isinstance(event, ClaimSettled)]

    async def _find_stake(self, chain: Chain, address: str) -> Upokt:
        supplier = await chain.supplier(address)
        assert supplier is not None
        return supplier.stake
