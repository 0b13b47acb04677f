"""What a claim brings, and what it costs with the proof that may be asked for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import pytest

from joey.core.protocol.claims import Claim
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import CreateClaim
from joey.node.worth import estimate_worth
from joey.ports.chain import Chain, Fee
from joey.testing.settlements import make_header
from joey.testing.worlds import make_key, make_trie_root

pytestmark = pytest.mark.anyio

KEY = make_key("supplier 1")
HEADER = make_header("application", "text", number=1)
UNITS = ComputeUnits(3000)


class PricedChain:
    """A chain that asks for a fee of 10 upokt, by live parameters that differ from those at the start."""

    def __init__(self, target: bytes = BASE_TARGET, **proof: Any) -> None:
        self.target = target
        self.live = replace(MINIMAL, proof=replace(MINIMAL.proof, **proof))

    async def estimate_fee(self, messages: list[CreateClaim], signer: object) -> Fee:
        assert ([type(message) for message in messages], signer) == ([CreateClaim], KEY)
        return Fee(100_000, Upokt(10))

    async def live_params(self) -> NetworkParams:
        return self.live

    async def params_at(self, height: Height) -> NetworkParams:
        assert height == HEADER.height_start
        return MINIMAL

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        assert (service_id, height) == (HEADER.service_id, HEADER.height_start)
        return self.target


async def weigh(chain: PricedChain, relays: int, replaced: int = 0) -> tuple[int, int, bool]:
    def make_root(count: int) -> bytes:
        return make_trie_root("seed", count, UNITS)

    before = Claim(KEY.address, HEADER, make_root(replaced)) if replaced else None
    claim = CreateClaim(KEY.address, HEADER, make_root(relays))
    worth = await estimate_worth(cast(Chain, chain), claim, KEY, replaced=before)
    return worth.brings, worth.cost, worth.is_worthwhile


@pytest.mark.parametrize(
    ("proof", "cost"),
    [
        ({"proof_requirement_threshold": Upokt(9000)}, 10 + 500 + 10),
        ({"proof_requirement_threshold": Upokt(9001)}, 10 + 128),
        ({"proof_request_probability": Fraction(1)}, 10 + 500 + 10),
        ({"proof_request_probability": Fraction(0)}, 10),
    ],
)
async def test_a_proof_costs_as_much_as_it_is_likely(proof: dict[str, Any], cost: int) -> None:
    chain = PricedChain(proof_submission_fee=Upokt(500), **proof)
    assert await weigh(chain, 3) == (9000, cost, True)


async def test_a_claim_must_bring_what_it_costs() -> None:
    dear = PricedChain(proof_submission_fee=Upokt(2980), proof_requirement_threshold=Upokt(1))
    assert await weigh(dear, 1) == (3000, 3000, True)
    dearer = PricedChain(proof_submission_fee=Upokt(2981), proof_requirement_threshold=Upokt(1))
    assert await weigh(dearer, 1) == (3000, 3001, False)


async def test_a_hard_target_makes_relays_worth_more() -> None:
    half = b"\x7f" + b"\xff" * 31
    assert (await weigh(PricedChain(half), 1))[0] == 6000


async def test_a_claim_that_replaces_another_brings_the_difference_and_costs_no_more_proof() -> None:
    chain = PricedChain(proof_submission_fee=Upokt(10**6), proof_requirement_threshold=Upokt(1))
    assert await weigh(chain, 3, replaced=2) == (3000, 10, True)
