"""Did the network settle rightly? A block's settlement computed again from what the chain published.

The claims, stakes, shares and parameters are read as they were before the block; what the block's own
transactions changed of them is taken from these; then the rulebook settles once more, and the outcome
is compared with the block's events, claim by claim and field by field, and with the supply.

Needs a chain that still knows the state of the height before: a full node that prunes says
`ChainUnavailable`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from joey.core.errors import ConfigError
from joey.core.ledger.checks import Difference
from joey.core.protocol.claims import Claim, ProofRequirement, ProofStatus
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    ProofChecked,
    SupplyChanged,
)
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.proofs import compute_proof_requirement, compute_proof_seed_height
from joey.core.protocol.queries import supplier_config_at
from joey.core.protocol.settlement import DueClaim, SettlementTerms, compute_settlements
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message, StakeApplication, StakeSupplier, TransferService
from joey.core.wire.session import Application, SessionHeader, Supplier
from joey.core.wire.transactions import decode_transaction
from joey.ports.chain import Chain

__all__ = ["End", "SettledSession", "SettlementReport", "check_settlement", "find_settled_session"]

ClaimKey = tuple[str, str]
"""Session id and supplier address."""

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
    """Compute the settlement of a block again and compare; of one session only where one is named.

    Raises `ConfigError` for the first block, before which nothing was, and `ChainUnavailable` when the
    chain no longer knows what was there.
    """
    if height < 2:
        raise ConfigError(f"nothing was there to settle before block {height}")
    events = await chain.events(height)
    book = await _Book.read(chain, height)
    checked = {
        (event.header.session_id, event.supplier_address): event.status
        for event in events
        if isinstance(event, ProofChecked)
    }
    claims = await _read_due(chain, height, events, checked)
    computed: list[ChainEvent] = []
    for group in _group(claims):
        if not session_id or group[0].header.session_id == session_id:
            computed += await book.settle(group)
    found = [event for event in events if not session_id or _is_of_session(event, session_id)]
    differences = [*_compare_ends(computed, found), *_compare_overserviced(computed, found)]
    if not session_id:
        differences += await _compare_supply(chain, height, computed, found)
    ends = tuple(event for event in computed if isinstance(event, End))
    return SettlementReport(height, ends, tuple(differences))


class _Book:
    """What was staked and owned when the block settled, and what its claims have taken of it so far."""

    def __init__(
        self, chain: Chain, height: Height, params: NetworkParams, messages: Sequence[Message]
    ) -> None:
        self._chain = chain
        self._height = height
        self._live = params
        self._messages = messages
        self._applications: dict[str, Application | None] = {}
        self._suppliers: dict[str, Supplier | None] = {}

    @classmethod
    async def read(cls, chain: Chain, height: Height) -> _Book:
        """Read what the whole block shares.

        The parameters after the block are those it settled by: a change takes effect with its
        transaction, before the end of the block, but for those of sessions, which are read by height.
        """
        messages: list[Message] = []
        for transaction in await chain.transactions(height):
            if transaction.code == 0:
                messages += decode_transaction(transaction.raw).messages
        return cls(chain, height, await chain.live_params(height), messages)

    async def settle(self, group: Sequence[Claim]) -> list[ChainEvent]:
        """Settle the claims of one application and session."""
        header = group[0].header
        application = await self._find_application(header.application_address)
        service_owner = await self._find_service_owner(header.service_id)
        start = (await self._chain.params_at(header.height_start)).shared
        end = (await self._chain.params_at(header.height_end)).shared
        target = await self._chain.difficulty_at(header.service_id, header.height_start)
        if application is None:
            raise ConfigError(
                f"application {header.application_address} was not staked before block {self._height}"
            )
        terms = SettlementTerms(
            application_stake_start=application.stake,
            application_stake=application.stake,
            spend_limit_per_session=application.spend_limit_per_session,
            service_owner_address=service_owner,
            target=target,
            shared_start=start,
            shared_end=end,
            tokenomics=self._live.tokenomics,
            proof_missing_penalty=self._live.proof.proof_missing_penalty,
        )
        seed = await self._chain.block(compute_proof_seed_height(header.height_end, end))
        assert seed is not None, "a session that is settled had its proof seed"
        due = []
        for claim in group:
            requirement = compute_proof_requirement(
                claim,
                target=target,
                shared_start=start,
                proof_params=self._live.proof,
                seed_block_hash=seed.hash,
            )
            due.append(await self._make_due(claim, requirement))
        events: list[ChainEvent] = []
        for settlement in compute_settlements(due, terms):
            if settlement.overserviced is not None:
                events.append(settlement.overserviced)
            events.append(settlement.event)
            self._take(settlement.event)
        return events

    async def _make_due(self, claim: Claim, requirement: ProofRequirement) -> DueClaim:
        supplier = await self._find_supplier(claim.supplier_address)
        if supplier is None:
            return DueClaim(claim, requirement, "", Upokt(0), None)
        config = supplier_config_at(supplier, claim.header.service_id, self._height)
        shares = None if config is None else config.revenue_shares
        return DueClaim(claim, requirement, supplier.owner_address, supplier.stake, shares)

    def _take(self, event: End) -> None:
        """Note what a claim took from its application or its supplier."""
        if isinstance(event, ClaimSettled):
            application = self._applications[event.header.application_address]
            assert application is not None
            left = Upokt(application.stake - event.settled - event.reimbursed)
            self._applications[application.address] = replace(application, stake=left)
        elif isinstance(event, ClaimExpired):
            supplier = self._suppliers[event.supplier_address]
            if supplier is not None:
                left = Upokt(supplier.stake - event.slashed)
                self._suppliers[supplier.operator_address] = replace(supplier, stake=left)

    async def _find_application(self, address: str) -> Application | None:
        if address not in self._applications:
            application = await self._chain.application(address, Height(self._height - 1))
            for message in self._messages:
                if isinstance(message, StakeApplication) and message.address == address and application:
                    application = replace(application, stake=message.stake)
            self._applications[address] = application
        return self._applications[address]

    async def _find_supplier(self, address: str) -> Supplier | None:
        if address not in self._suppliers:
            supplier = await self._chain.supplier(address, Height(self._height - 1))
            for message in self._messages:
                if isinstance(message, StakeSupplier) and message.operator_address == address and supplier:
                    stake = supplier.stake if message.stake is None else message.stake
                    supplier = replace(supplier, stake=stake, owner_address=message.owner_address)
            self._suppliers[address] = supplier
        return self._suppliers[address]

    async def _find_service_owner(self, service_id: str) -> str:
        service = await self._chain.service(service_id, Height(self._height - 1))
        if service is None:
            raise ConfigError(f"service {service_id} was not on the chain before block {self._height}")
        owner = service.owner_address
        for message in self._messages:
            if isinstance(message, TransferService) and message.service_id == service_id:
                owner = message.new_owner_address
        return owner


async def _read_due(
    chain: Chain, height: Height, events: Iterable[ChainEvent], checked: Mapping[ClaimKey, ProofStatus]
) -> list[Claim]:
    """Return the claims that were due with the block, as they were when it settled."""
    ends = {event.header.height_end for event in events if isinstance(event, End)}
    shared = (await chain.params_at(height)).shared
    candidate = Height(height - (compute_settlement_height(height, shared) - height))
    if candidate > 0:
        ends.add(candidate)
    claims: list[Claim] = []
    for end in sorted(ends):
        if compute_settlement_height(end, (await chain.params_at(end)).shared) == height:
            claims += await chain.claims(height_session_end=end, height=Height(height - 1))
    return [
        replace(
            claim, proof_status=checked.get(_key(claim.header, claim.supplier_address), claim.proof_status)
        )
        for claim in claims
    ]


def _key(header: SessionHeader, supplier_address: str) -> ClaimKey:
    return header.session_id, supplier_address


def _group(claims: Iterable[Claim]) -> list[list[Claim]]:
    """Return the claims by session and application, which share a budget."""
    groups: defaultdict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[claim.header.session_id, claim.header.application_address].append(claim)
    return [groups[key] for key in sorted(groups)]


def _is_of_session(event: ChainEvent, session_id: str) -> bool:
    header = getattr(event, "header", None)
    return isinstance(header, SessionHeader) and header.session_id == session_id


def _compare_ends(computed: Iterable[ChainEvent], found: Iterable[ChainEvent]) -> Iterator[Difference]:
    ends = {_key(event.header, event.supplier_address): event for event in found if isinstance(event, End)}
    expected = {
        _key(event.header, event.supplier_address): event for event in computed if isinstance(event, End)
    }
    for key, event in expected.items():
        yield from _compare_end(f"claim {key[0]} of {key[1]}", event, ends.get(key))
    for key in ends.keys() - expected.keys():
        yield Difference(f"claim {key[0]} of {key[1]}", "its end", "none", type(ends[key]).__name__)


def _compare_end(subject: str, expected: End, found: End | None) -> Iterator[Difference]:
    if type(expected) is not type(found):
        yield Difference(
            subject, "its end", type(expected).__name__, type(found).__name__ if found else "none"
        )
    elif not isinstance(expected, ClaimDiscarded):  # its error is a text that is for people
        yield from _compare_fields(subject, expected, found)


def _compare_overserviced(
    computed: Iterable[ChainEvent], found: Iterable[ChainEvent]
) -> Iterator[Difference]:
    def collect(events: Iterable[ChainEvent]) -> dict[ClaimKey, ApplicationOverserviced]:
        return {
            _key(event.header, event.supplier_address): event
            for event in events
            if isinstance(event, ApplicationOverserviced)
        }

    expected, told = collect(computed), collect(found)
    for key in sorted(expected.keys() | told.keys()):
        subject = f"claim {key[0]} of {key[1]}"
        if key in expected and key in told:
            yield from _compare_fields(subject, expected[key], told[key])
        else:
            yield Difference(
                subject, "over-servicing", str(key in expected).lower(), str(key in told).lower()
            )


def _compare_fields(subject: str, expected: object, found: object) -> Iterator[Difference]:
    """Compare two events of one kind, in the order of their fields."""
    for field in fields(expected):  # type: ignore[arg-type]
        should, told = getattr(expected, field.name), getattr(found, field.name)
        if should != told:
            yield Difference(subject, field.name, _show(should), _show(told))


def _show(value: object) -> int | str:
    return value if isinstance(value, int) else str(value)


async def _compare_supply(
    chain: Chain, height: Height, computed: Iterable[ChainEvent], found: Iterable[ChainEvent]
) -> list[Difference]:
    """Compare what was burned and minted in all with what is said, and with the supply itself."""
    burned = minted = 0
    for event in computed:
        if isinstance(event, ClaimSettled):
            burned += event.settled
            minted += event.minted + event.inflation
        elif isinstance(event, ClaimExpired):
            burned += event.slashed
    told = next((event for event in found if isinstance(event, SupplyChanged)), None)
    before, after = await chain.supply(Height(height - 1)), await chain.supply(height)
    figures = [
        ("upokt burned", burned, 0 if told is None else told.burned),
        ("upokt minted", minted, 0 if told is None else told.minted),
        ("the supply after it", before + minted - burned, after),
    ]
    return [
        Difference(f"block {height}", what, should, is_) for what, should, is_ in figures if should != is_
    ]
