"""Did the network settle rightly? A block's settlement computed again from what the chain published.

The claims, stakes, shares and parameters are read as they were before the block; what the block's own
transactions changed of them is taken from these. They are put into a state of our own, the rulebook
settles that, and what it says happened is compared with the block's events, one by one and field by
field, and with the supply.

What all validators get is checked, and that each was paid what is told of it; not how it was split among
them, which depends on stakes that a settlement does not publish. Needs a chain that still knows the
state of the height before: a full node that prunes says `ChainUnavailable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError

from joey.core.errors import ConfigError
from joey.core.ledger.checks import Difference
from joey.core.protocol.bank import APPLICATION_POOL, SUPPLIER_POOL
from joey.core.protocol.block import BlockContext
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import (
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    ProofChecked,
)
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.proving import make_judge
from joey.core.protocol.settling import settle_claims
from joey.core.protocol.state import (
    Account,
    BlockHash,
    Difficulty,
    DifficultyHistory,
    State,
    Validator,
    claim_key,
    height_key,
)
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.message_codec import decode_message
from joey.core.wire.messages import Message, StakeApplication, StakeSupplier, TransferService
from joey.core.wire.proto import tx_pb2
from joey.core.wire.session import Application, Supplier
from joey.economy.settlement_differences import (
    ALL_VALIDATORS,
    compare_difficulties,
    compare_events,
    compare_validators,
    is_of_session,
)
from joey.ports.chain import Chain

__all__ = ["End", "SettledSession", "SettlementReport", "check_settlement", "find_settled_session"]

End = ClaimSettled | ClaimExpired | ClaimDiscarded
"""How a claim ended."""


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """What a check of one block saw: the ends of claims as computed, and every difference, in order."""

    height: Height
    computed: tuple[End, ...]
    differences: tuple[Difference, ...]

    @property
    def first_difference(self) -> Difference | None:
        """Where the chain and the rulebook first part."""
        return self.differences[0] if self.differences else None


@dataclass(frozen=True, slots=True)
class SettledSession:
    """A session and the height at which it is settled."""

    session_id: str
    height: Height


async def find_settled_session(
    chain: Chain, application: str, service: str, height: Height
) -> SettledSession:
    """Return the session of an application that holds `height`, and where it is settled.

    Raises `ConfigError` when there is no such session or its settlement is still to come.
    """
    session = await chain.session(application, service, height)
    if session is None:
        raise ConfigError(f"{application} has no session for {service} at height {height}")
    end = session.header.height_end
    settlement = compute_settlement_height(end, (await chain.params_at(end)).shared)
    head = (await chain.head()).height
    if settlement > head:
        raise ConfigError(f"the session is settled at height {settlement}; the chain is at {head}")
    return SettledSession(session.header.session_id, settlement)


async def check_settlement(chain: Chain, height: Height, *, session_id: str = "") -> SettlementReport:
    """Compute the settlement of a block again and compare; tell of one session only where one is named.

    Raises `ConfigError` for the first block, before which nothing was, and `ChainUnavailable` when the
    chain no longer knows what was there.
    """
    if height < 2:
        raise ConfigError(f"nothing was there to settle before block {height}")
    found = await chain.events(height)
    messages, is_known = await _read_messages(chain, height)
    state = await _make_state(chain, height, messages, found)
    supply_before = await chain.supply(Height(height - 1))
    computed = settle_claims(state, await _make_context(chain, height), make_judge(state))
    # A message that we do not know may have changed the supply on its own.
    supply = await chain.supply(height)
    differences = compare_events(
        computed, found, height=height, supply=supply, supply_before=supply_before if is_known else None
    )
    differences += compare_validators(found)
    service = (await chain.live_params(height)).service
    differences += compare_difficulties(computed, found, service.target_num_relays)
    if session_id:
        computed = [event for event in computed if is_of_session(event, session_id)]
        differences = [one for one in differences if session_id in one.subject]
    ends = tuple(event for event in computed if isinstance(event, End))
    return SettlementReport(height, ends, tuple(differences))


async def _make_context(chain: Chain, height: Height) -> BlockContext:
    before, block = await chain.block(Height(height - 1)), await chain.block(height)
    if before is None or block is None:
        raise ConfigError(f"there is no block {height} yet")
    return BlockContext(
        chain_id=await chain.chain_id(), height=height, previous_hash=before.hash, time=block.time
    )


async def _read_messages(chain: Chain, height: Height) -> tuple[list[Message], bool]:
    """Return the messages of a block that took effect and that we know, and whether these are all."""
    messages: list[Message] = []
    is_known = True
    for transaction in await chain.transactions(height):
        if transaction.code != 0:
            continue
        wire, body = tx_pb2.TxRaw(), tx_pb2.TxBody()
        try:
            wire.ParseFromString(transaction.raw)
            body.ParseFromString(wire.body_bytes)
        except DecodeError:
            is_known = False
        for packed in body.messages:
            try:
                messages.append(decode_message(packed.type_url, packed.value))
            except ValueError:
                is_known = False
    return messages, is_known


async def _make_state(
    chain: Chain, height: Height, messages: Sequence[Message], found: Sequence[ChainEvent]
) -> State:
    """Return what settlement asks of a chain's state, as it was when the block settled."""
    state = State.empty()
    # Those after the block: a change takes effect with its transaction, before the end of the block. The
    # parameters of sessions, which are promoted after settlement, are read by height.
    state.live_params.put("", await chain.live_params(height))
    for claim in await _read_due(chain, height, found):
        state.claims.put(claim_key(claim.header.session_id, claim.supplier_address), claim)
        await _read_terms(chain, state, claim)
        await _read_parties(chain, state, claim, height, messages)
    pools = (
        (APPLICATION_POOL, sum(application.stake for _, application in state.applications.items())),
        (SUPPLIER_POOL, sum(supplier.stake for _, supplier in state.suppliers.items())),
    )
    for number, (address, staked) in enumerate(pools):
        state.accounts.put(address, Account(number, Upokt(staked)))
    state.validators.put(ALL_VALIDATORS, Validator(ALL_VALIDATORS, Upokt(1)))
    return state


async def _read_due(chain: Chain, height: Height, found: Iterable[ChainEvent]) -> list[Claim]:
    """Return the claims that were due with the block, as they were when it settled."""
    ends = {event.header.height_end for event in found if isinstance(event, End)}
    shared = (await chain.params_at(height)).shared
    candidate = Height(height - (compute_settlement_height(height, shared) - height))
    if candidate > 0:
        ends.add(candidate)
    checked = {
        (event.header.session_id, event.supplier_address): event.status
        for event in found
        if isinstance(event, ProofChecked)
    }
    claims: list[Claim] = []
    for end in sorted(ends):
        if compute_settlement_height(end, (await chain.params_at(end)).shared) <= height:
            claims += await chain.claims(height_session_end=end, height=Height(height - 1))
    return [
        replace(
            claim,
            proof_status=checked.get((claim.header.session_id, claim.supplier_address), claim.proof_status),
        )
        for claim in claims
    ]


async def _read_terms(chain: Chain, state: State, claim: Claim) -> None:
    """Read what all claims of a session share: parameters, target, the seed of its proofs."""
    header = claim.header
    for each in (header.height_start, header.height_end):
        if state.params.get(height_key(each)) is None:
            state.params.put(height_key(each), await chain.params_at(each))
    seed_height = compute_proof_seed_height(
        header.height_end, (await chain.params_at(header.height_end)).shared
    )
    if state.block_hashes.get(height_key(seed_height)) is None:
        seed = await chain.block(seed_height)
        if seed is None:
            raise ConfigError(f"there is no block {seed_height}, the seed of proofs")
        state.block_hashes.put(height_key(seed_height), BlockHash(seed.hash))
    history = state.difficulties.get(header.service_id) or DifficultyHistory(())
    if all(change.height != header.height_start for change in history.changes):
        target = await chain.difficulty_at(header.service_id, header.height_start)
        changes = (*history.changes, Difficulty(header.height_start, target, 0))
        state.difficulties.put(
            header.service_id, DifficultyHistory(tuple(sorted(changes, key=lambda change: change.height)))
        )


async def _read_parties(
    chain: Chain, state: State, claim: Claim, height: Height, messages: Sequence[Message]
) -> None:
    """Read who pays, who is paid and who owns the service, as the block's transactions left them."""
    before = Height(height - 1)
    header, operator = claim.header, claim.supplier_address
    if state.applications.get(header.application_address) is None:
        address = header.application_address
        application = await chain.application(address, before) or _stake_application(address, messages)
        if application is not None:
            state.applications.put(address, _restake_application(application, messages))
    if state.suppliers.get(operator) is None:
        supplier = await chain.supplier(operator, before)
        if supplier is not None:
            state.suppliers.put(operator, _restake_supplier(supplier, messages))
    if state.services.get(header.service_id) is None:
        service = await chain.service(header.service_id, before)
        if service is None:
            raise ConfigError(f"service {header.service_id} was not on the chain before block {height}")
        for message in messages:
            if isinstance(message, TransferService) and message.service_id == service.id:
                service = replace(service, owner_address=message.new_owner_address)
        state.services.put(service.id, service)


def _stake_application(address: str, messages: Iterable[Message]) -> Application | None:
    """Return an application that the block's own transactions have staked."""
    for message in messages:
        if isinstance(message, StakeApplication) and message.address == address:
            return Application(address, message.stake, message.service_id)
    return None


def _restake_application(application: Application, messages: Iterable[Message]) -> Application:
    for message in messages:
        if isinstance(message, StakeApplication) and message.address == application.address:
            application = replace(application, stake=message.stake)
            if message.spend_limit_per_session is not None:
                limit = message.spend_limit_per_session or None
                application = replace(application, spend_limit_per_session=limit)
    return application


def _restake_supplier(supplier: Supplier, messages: Iterable[Message]) -> Supplier:
    for message in messages:
        if isinstance(message, StakeSupplier) and message.operator_address == supplier.operator_address:
            stake = supplier.stake if message.stake is None else message.stake
            supplier = replace(supplier, stake=stake, owner_address=message.owner_address)
    return supplier
