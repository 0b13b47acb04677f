"""What the chain says, gathered for people and programs: session, claim, windows, parameters.

A window's state is seen from the *next* block, the first that can hold a transaction sent now: at head
99 a window that opens at 100 is open.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace

from joey.cli.printing import Document, describe
from joey.core.errors import NotOnChain
from joey.core.protocol.claims import (
    Claim,
    ProofRequirement,
    ProofStatus,
    compute_claimed,
    compute_estimated_relays,
    compute_estimated_units,
    compute_relay_price,
)
from joey.core.protocol.params import NetworkParams, SharedParams
from joey.core.protocol.proofs import compute_proof_requirement, compute_proof_seed_height
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_number,
    compute_session_start,
)
from joey.core.protocol.windows import (
    Window,
    compute_claim_window,
    compute_grace_end,
    compute_proof_window,
    compute_settlement_height,
)
from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import RpcType, Service, Supplier
from joey.ports.chain import Chain
from joey.wiring.proposal import format_exact

__all__ = [
    "describe_claim",
    "describe_params",
    "describe_service",
    "describe_session",
    "describe_status",
    "describe_supplier",
    "describe_window",
    "explain_no_session",
    "format_rpc_type",
    "format_window",
]


async def describe_status(chain: Chain) -> Document:
    """Return where the chain stands."""
    head = await chain.head()
    shared = (await chain.params_at(head.height)).shared
    return {
        "chain_id": await chain.chain_id(),
        "height": head.height,
        "block_hash": head.hash.hex(),
        "time": head.time.isoformat(),
        "session": {
            "number": compute_session_number(head.height, shared),
            "height_start": compute_session_start(head.height, shared),
            "height_end": compute_session_end(head.height, shared),
        },
        "supply_upokt": str(await chain.supply()),
    }


async def describe_params(chain: Chain, height: Height) -> Document:
    """Return every parameter twice: as sessions at a height go by it, and as the next block executes it.

    For a height that is ahead, `live` is `None`: nobody knows.
    """
    head = (await chain.head()).height
    at = Height(height or head)
    session = _describe_modules(await chain.params_at(at))
    live = _describe_modules(await chain.live_params(at)) if at <= head else None
    return {"height": at, "head": head, "session": session, "live": live}


def _describe_modules(params: NetworkParams) -> Document:
    return {
        module.name: _drop_nothing_unknown(describe(getattr(params, module.name)))
        for module in fields(params)
    }


def _drop_nothing_unknown(described: Document) -> Document:
    """Leave out `unknown`, the bytes of parameters that we cannot name, where there are none."""
    return {
        name: _drop_nothing_unknown(value) if isinstance(value, dict) else value
        for name, value in described.items()
        if name != "unknown" or value
    }


async def describe_session(chain: Chain, application: str, service_id: str, height: Height) -> Document:
    """Return a session with its windows and its suppliers in the order in which they were drawn.

    Raises `NotOnChain` with the reason when there is none.
    """
    session = await chain.session(application, service_id, height)
    if session is None:
        raise NotOnChain(await explain_no_session(chain, application, service_id, height))
    head = (await chain.head()).height
    header = session.header
    shared = (await chain.params_at(header.height_end)).shared
    return {
        "header": describe(header),
        "number": session.number,
        "windows": _describe_windows(header.height_end, shared, head),
        "application": describe(session.application),
        "suppliers": [describe_supplier(supplier) for supplier in session.suppliers],
    }


async def explain_no_session(chain: Chain, application: str, service_id: str, height: Height) -> str:
    """Return why an application has no session."""
    known = await chain.application(application, height)
    if known is None:
        return f"no session: there is no application {application}"
    if known.service_id != service_id:
        return f"no session: {application} is staked for {known.service_id}, not for {service_id}"
    if known.unstake_session_end_height:
        end = known.unstake_session_end_height
        return f"no session: {application} unstakes, its last session ended at {end}"
    return f"no session: no supplier offers {service_id} at that height"


def _describe_windows(height_end: Height, shared: SharedParams, head: Height) -> Document:
    return {
        "height": head,
        "grace_end": compute_grace_end(height_end, shared),
        "claim": describe_window(compute_claim_window(height_end, shared), head),
        "proof": describe_window(compute_proof_window(height_end, shared), head),
        "settlement": compute_settlement_height(height_end, shared),
    }


def describe_window(window: Window, head: Height) -> Document:
    """Return a window and its state; `in_blocks`: how many blocks come before it is open."""
    following = head + 1
    state = "ahead" if following < window.open else "open" if following in window else "closed"
    described: Document = {"open": window.open, "close": window.close, "state": state}
    if state == "ahead":
        described["in_blocks"] = window.open - following
    return described


def format_window(described: Document) -> str:
    """Return a window for people."""
    state = described["state"]
    if state == "ahead":
        count = described["in_blocks"]
        state = f"in {count} block{'' if count == 1 else 's'}"
    return f"{described['open']} to {described['close']}, {state}"


def describe_supplier(supplier: Supplier) -> Document:
    """Return a supplier, its RPC types by name."""
    described: Document = describe(supplier)
    _name_rpc_types(described["services"])
    _name_rpc_types([update["config"] for update in described["config_history"]])
    return described


def _name_rpc_types(configs: Sequence[Document]) -> None:
    for config in configs:
        for endpoint in config["endpoints"]:
            endpoint["rpc_type"] = format_rpc_type(endpoint["rpc_type"])


def format_rpc_type(value: int) -> str:
    """Return the name of an RPC type, such as `REST`; an unknown one is its number."""
    names = {number: name for name, number in vars(RpcType).items() if isinstance(number, int)}
    return names.get(value, str(value))


async def describe_service(chain: Chain, service: Service, height: Height) -> Document:
    """Return a service with the price of one of its relays, and its card as JSON where it is some."""
    at = Height(height or (await chain.head()).height)
    shared = (await chain.params_at(at)).shared
    units = await chain.compute_units_at(service.id, at)
    described: Document = describe(service)
    described["card"] = _read_card(service.card)
    described["height"] = at
    described["compute_units_per_relay_at_height"] = units
    price = None if units is None else compute_relay_price(ComputeUnits(units), shared)
    described["relay_price_upokt"] = None if price is None else format_exact(price)
    described["difficulty_target"] = (await chain.difficulty_at(service.id, at)).hex()
    return described


def _read_card(card: bytes) -> object:
    if not card:
        return None
    try:
        return json.loads(card)
    except ValueError:
        return {"hex": card.hex()}


async def describe_claim(chain: Chain, claim: Claim) -> Document:
    """Return a claim with its worth, its windows, and whether it needs a proof.

    Worth goes by price and difficulty at the session's start. `proof_requirement` is `None` while the
    block that decides it is not there; then only a claim above the threshold is sure to need one.
    """
    header = claim.header
    head = (await chain.head()).height
    target = await chain.difficulty_at(header.service_id, header.height_start)
    shared_start = (await chain.params_at(header.height_start)).shared
    shared_end = (await chain.params_at(header.height_end)).shared
    seed_height = compute_proof_seed_height(header.height_end, shared_end)
    return {
        "supplier_address": claim.supplier_address,
        "header": describe(header),
        "root": claim.root.hex(),
        "relays": claim.relays,
        "compute_units": claim.compute_units,
        "estimated_relays": compute_estimated_relays(claim.root, target),
        "estimated_compute_units": compute_estimated_units(claim.root, target),
        "claimed_upokt": str(compute_claimed(claim.root, target, shared_start)),
        "proof_status": claim.proof_status.name,
        "proof_seed_height": seed_height,
        "proof_requirement": await _find_requirement(chain, claim, target, shared_start, seed_height),
        "windows": _describe_windows(header.height_end, shared_end, head),
    }


async def _find_requirement(
    chain: Chain, claim: Claim, target: bytes, shared_start: SharedParams, seed_height: Height
) -> str | None:
    params = (await chain.live_params()).proof
    seed = await chain.block(seed_height)
    if seed is None:
        is_large = compute_claimed(claim.root, target, shared_start) >= params.proof_requirement_threshold
        return ProofRequirement.THRESHOLD.name if is_large else None
    # As it was when a proof could be given: a status of later would draw another number.
    pending = replace(claim, proof_status=ProofStatus.PENDING)
    return compute_proof_requirement(
        pending, target=target, shared_start=shared_start, proof_params=params, seed_block_hash=seed.hash
    ).name
