"""Stake, relay, claim, settle: the whole life of a session, over the wire only."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.protocol.events import ChainEvent
from joey.core.protocol.network_events import (
    EventSources,
    NetworkEvent,
    decode_block_events,
    decode_transaction_events,
)
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.windows import compute_claim_window, compute_proof_window, compute_settlement_height
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import SessionHeader
from joey.core.wire.transactions import decode_transaction
from joey.testing.proofs import serve_session
from joey.testing.raw_protobuf import read_fields, write_fields
from joey.testing.worlds import World, make_key, make_trie_root

pytestmark = pytest.mark.anyio

RELAYS = 25
APPLICATION = make_key("application").address


def read_attributes(event: Any) -> dict[str, Any]:
    """Return the values of a typed event; what is no JSON, as `mode`, stays text."""
    values = {one["key"]: one["value"] for one in event["attributes"]}
    return {key: value if key == "mode" else json.loads(value) for key, value in values.items()}


async def supply(wire: Any) -> int:
    answer = await wire.ask("/cosmos.bank.v1beta1.Query/SupplyOf", write_fields((1, "upokt")))
    return int(read_fields(answer[1][0])[2][0])


async def balance(wire: Any, address: str) -> int:
    request = write_fields((1, address), (2, "upokt"))
    answer = await wire.ask("/cosmos.bank.v1beta1.Query/Balance", request)
    return int(read_fields(answer[1][0])[2][0])


async def test_a_claim_is_settled_over_the_wire(open_staked: Any) -> None:
    async with open_staked() as wire:
        await wire.make_blocks(8)
        answer = await wire.ask(
            "/pocket.session.Query/GetSession", write_fields((1, APPLICATION), (2, "text"))
        )
        session = read_fields(answer[1][0])
        fields = read_fields(session[1][0])
        header = SessionHeader(
            fields[1][0].decode(),
            fields[2][0].decode(),
            fields[3][0].decode(),
            Height(fields[4][0]),
            Height(fields[5][0]),
        )
        supplier = read_fields(session[6][0])[2][0].decode()
        key = next(key for key in wire.names.values() if key.address == supplier)
        shared = read_fields((await wire.ask("/pocket.shared.Query/Params"))[1][0])
        head = int((await wire.get("status"))["sync_info"]["latest_block_height"])
        # The claim window opens so many blocks after the session's end, and its first block may hold it.
        await wire.make_blocks(header.height_end + shared[3][0] - head)
        root = make_trie_root("wire", RELAYS, ComputeUnits(3000))
        name = await wire.submit([CreateClaim(supplier, header, root)], key)

        claim_height = (await wire.get(f"tx?hash=0x{name}"))["height"]
        [result] = (await wire.get(f"block_results?height={claim_height}"))["txs_results"]
        [created] = [one for one in result["events"] if one["type"] == "pocket.proof.EventClaimCreated"]
        attributes = read_attributes(created)
        assert attributes["num_relays"] == str(RELAYS)
        assert attributes["claimed_upokt"] == "75000upokt"
        assert attributes["session_end_block_height"] == str(header.height_end)
        assert created["attributes"][-1]["key"] == "msg_index"

        request = write_fields((1, header.session_id), (2, supplier))
        claim = read_fields((await wire.ask("/pocket.proof.Query/Claim", request))[1][0])
        assert claim[3] == [root]
        for number, value in ((2, supplier), (3, header.session_id), (4, header.height_end)):
            listed = await wire.ask("/pocket.proof.Query/AllClaims", write_fields((number, value)))
            assert [read_fields(one) for one in listed[1]] == [claim]
        for number, value in ((2, APPLICATION), (3, "ab" * 32), (4, header.height_end + 1)):
            listed = await wire.ask("/pocket.proof.Query/AllClaims", write_fields((number, value)))
            assert 1 not in listed
        status, _ = await wire.refused("/pocket.proof.Query/Proof", request)
        assert status == "NOT_FOUND"

        supply_before, paid_before = await supply(wire), await balance(wire, supplier)
        offsets = sum(shared[number][0] for number in (3, 4, 6)) + shared.get(5, [0])[0]
        settlement_height = header.height_end + offsets + 1
        head = int((await wire.get("status"))["sync_info"]["latest_block_height"])
        await wire.make_blocks(settlement_height - head)
        results = await wire.get(f"block_results?height={settlement_height}")
        events = results["finalize_block_events"]
        [settled] = [one for one in events if one["type"] == "pocket.tokenomics.EventClaimSettled"]
        assert settled["attributes"][-1] == {"key": "mode", "value": "EndBlock", "index": True}
        attributes = read_attributes(settled)
        assert attributes["session_id"] == header.session_id
        assert attributes["settled_upokt"] == "75000upokt"
        assert attributes["minted_upokt"] == "75000upokt"
        assert attributes["reward_distribution"][supplier] == "59250upokt"
        batches = [read_attributes(one) for one in events if one["type"].endswith("EventSettlementBatch")]
        minted = sum(read_coin(one["total_amount"]) for one in batches if one["op_type"] == "mint")
        burned = sum(read_coin(one["total_amount"]) for one in batches if one["op_type"] == "burn")
        assert (minted, burned) == (75000, 75000)

        assert await supply(wire) == supply_before
        assert await balance(wire, supplier) == paid_before + 59250
        assert (await wire.refused("/pocket.proof.Query/Claim", request))[0] == "NOT_FOUND"
        past = await wire.ask("/pocket.proof.Query/Claim", request, height=settlement_height - 1)
        assert read_fields(past[1][0]) == claim
        application = await wire.ask("/pocket.application.Query/Application", write_fields((1, APPLICATION)))
        stake = read_fields(read_fields(application[1][0])[2][0])[2][0]
        assert int(stake) == Upokt(10_000_000_000 - 75000)


INFLATING = replace(
    MINIMAL,
    tokenomics=replace(
        MINIMAL.tokenomics, global_inflation_per_claim=Fraction(1, 10), mint_ratio=Fraction(39, 40)
    ),
    proof=replace(
        MINIMAL.proof, proof_request_probability=Fraction(0), proof_requirement_threshold=Upokt(100_000)
    ),
)
"""Three claims of one session: one needs no proof, one is proved, and one is not."""


async def test_what_is_published_says_what_happened(open_staked: Any) -> None:
    async with open_staked(World.of_service(suppliers=3), params=INFLATING) as wire:
        await wire.make_blocks(8)
        chain = wire.served.chain
        session = await chain.session(APPLICATION, "text")
        assert session is not None
        header, shared = session.header, INFLATING.shared
        keys = [
            next(key for key in wire.names.values() if key.address == supplier.operator_address)
            for supplier in session.suppliers
        ]
        proved = serve_session(
            header, keys[1], application=make_key("application"), gateway=make_key("gateway"), relays=40
        )
        small, large = (make_trie_root("wire", relays, ComputeUnits(3000)) for relays in (10, 1000))
        claims = (
            CreateClaim(keys[0].address, header, small),
            proved.claim,
            CreateClaim(keys[2].address, header, large),
        )
        await go_to(wire, compute_claim_window(header.height_end, shared).open - 1)
        for key, claim in zip(keys, claims, strict=True):
            assert 4 not in await wire.broadcast(await wire.sign([claim], key))
        await go_to(wire, compute_proof_window(header.height_end, shared).open - 1)
        seed_height = compute_proof_seed_height(header.height_end, shared)
        seed = (await wire.get(f"block?height={seed_height}"))["block_id"]["hash"]
        await wire.submit([proved.prove(bytes.fromhex(seed))], keys[1])
        await go_to(wire, compute_settlement_height(header.height_end, shared) + 1)

        kinds: set[str] = set()
        head = await chain.head()
        for height in range(1, head.height + 1):
            happened = await chain.events(Height(height))
            kinds |= {type(event).__name__ for event in happened}
            assert await decode_block(wire, height, header) == happened
        assert kinds >= {
            "ClaimCreated",
            "ClaimSettled",
            "ProofSubmitted",
            "ProofChecked",
            "ClaimExpired",
            "SupplierSlashed",
            "SettlementBatch",
            "ValidatorsRewarded",
            "DifficultyUpdated",
            "SupplyChanged",
        }


async def go_to(wire: Any, height: int) -> None:
    """Make blocks up to a height."""
    head = int((await wire.get("status"))["sync_info"]["latest_block_height"])
    await wire.make_blocks(height - head)


async def decode_block(wire: Any, height: int, header: SessionHeader) -> tuple[ChainEvent, ...]:
    """Rebuild a block's events from what CometBFT tells of it."""
    block = (await wire.get(f"block?height={height}"))["block"]
    results = await wire.get(f"block_results?height={height}")
    decoded: list[ChainEvent] = []
    for text, result in zip(block["data"]["txs"], results["txs_results"] or [], strict=True):
        messages = decode_transaction(base64.b64decode(text)).messages
        events = [read_event(one) for one in result["events"]]
        decoded += decode_transaction_events(messages, events, find_params_height=lambda _module: Height(0))
    answer = await wire.ask("/cosmos.bank.v1beta1.Query/SupplyOf", write_fields((1, "upokt")), height=height)
    sources = EventSources(
        height=Height(height),
        find_header=lambda _key: header,
        find_claimed=lambda _header, _supplier: Upokt(0),
        supply=Upokt(int(read_fields(answer[1][0])[2][0])),
    )
    end_events = [read_event(one) for one in results["finalize_block_events"]]
    return (*decoded, *decode_block_events(end_events, sources))


def read_event(event: Any) -> NetworkEvent:
    return NetworkEvent(event["type"], tuple((one["key"], one["value"]) for one in event["attributes"]))


def read_coin(text: str) -> int:
    assert text.endswith("upokt")
    return int(text.removesuffix("upokt"))
