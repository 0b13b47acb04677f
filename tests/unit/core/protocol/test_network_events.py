"""Events as the network publishes them: names and values from its own table, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joey.core.crypto.bech32 import encode_bech32
from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    ParamsUpdated,
    ProofChecked,
    ProofSubmitted,
    RevenueShareFellBack,
    Reward,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.protocol.network_events import (
    EventSources,
    NetworkEvent,
    SessionKey,
    decode_block_events,
    decode_transaction_events,
    encode_block_events,
    encode_event,
    encode_transaction_events,
    list_discarded_claims,
    list_sessions,
)
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import CreateClaim, Send, SubmitProof, UpdateParam
from joey.core.wire.session import SessionHeader

APPLICATION = encode_bech32("pokt", b"\x01" * 20)
SUPPLIER = encode_bech32("pokt", b"\x02" * 20)
OWNER = encode_bech32("pokt", b"\x03" * 20)
VALIDATOR = encode_bech32("pokt", b"\x04" * 20)
HEADER = SessionHeader(APPLICATION, "eth", "ab" * 32, Height(1021), Height(1040))
ROOT = bytes(32) + (650).to_bytes(8, "big") + (5).to_bytes(8, "big")

CREATED = ClaimCreated(HEADER, SUPPLIER, ROOT, 5, ComputeUnits(650), Upokt(379574), False, 50)
SUBMITTED = ProofSubmitted(
    HEADER, SUPPLIER, 5, 50, ComputeUnits(650), ComputeUnits(6500), Upokt(379574), ProofStatus.PENDING
)
CHECKED = ProofChecked(HEADER, SUPPLIER, Height(1072), ProofStatus.INVALID, 'a "leaf" <&> is wrong')
SETTLED = ClaimSettled(
    header=HEADER,
    supplier_address=SUPPLIER,
    supplier_owner_address=OWNER,
    num_relays=5,
    num_estimated_relays=50,
    claimed_compute_units=ComputeUnits(650),
    estimated_compute_units=ComputeUnits(6500),
    claimed=Upokt(379574),
    settled=Upokt(379574),
    minted=Upokt(370084),
    inflation=Upokt(7),
    reimbursed=Upokt(7),
    overservicing_loss=Upokt(0),
    deflation_loss=Upokt(9490),
    mint_ratio="0.975",
    rewards=(
        Reward(
            SUPPLIER, "TLM_RELAY_BURN_EQUALS_MINT_SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION", Upokt(300000)
        ),
        Reward(OWNER, "TLM_RELAY_BURN_EQUALS_MINT_DAO_REWARD_DISTRIBUTION", Upokt(18000)),
        Reward(OWNER, "TLM_GLOBAL_MINT_DAO_REWARD_DISTRIBUTION", Upokt(7)),
    ),
    validators=Upokt(52084),
    proof_requirement=ProofRequirement.THRESHOLD,
    proof_status=ProofStatus.VALIDATED,
    reimbursed_to=APPLICATION,
)
EXPIRED = ClaimExpired(
    HEADER,
    SUPPLIER,
    Upokt(379574),
    "PROOF_MISSING",
    Upokt(1),
    5,
    50,
    ComputeUnits(650),
    ComputeUnits(6500),
    ProofStatus.PENDING,
)
DISCARDED = ClaimDiscarded(HEADER, SUPPLIER, Upokt(379574), "no application", ProofStatus.PENDING)
OVERSERVICED = ApplicationOverserviced(HEADER, SUPPLIER, Upokt(100), Upokt(60), True)
SLASHED = SupplierSlashed(HEADER, SUPPLIER, Upokt(1), Upokt(59), ProofStatus.PENDING)
FELL_BACK = RevenueShareFellBack(HEADER, SUPPLIER, OWNER, Upokt(77), "TLM_X", 99, "shares sum to 99")
BATCH = SettlementBatch(Height(1040), "tokenomics", SUPPLIER, "TLM_X", Upokt(9), 3, "mod_to_acct")
VALIDATORS = ValidatorsRewarded(Height(1040), "TLM_X", VALIDATOR, Upokt(52084), Upokt(10**11))
DIFFICULTY = DifficultyUpdated("eth", b"\xff" * 32, b"\x7f" + b"\xff" * 31, 100, 200)

WORK = {"num_relays", "num_claimed_compute_units", "num_estimated_compute_units", "claimed_upokt"} | {
    "num_estimated_relays"
}
CLAIM = {
    "service_id",
    "application_address",
    "session_end_block_height",
    "claim_proof_status_int",
    "supplier_operator_address",
}

TABLE: list[tuple[ChainEvent, str, set[str], dict[str, str]]] = [
    (
        CREATED,
        "pocket.proof.EventClaimCreated",
        CLAIM | WORK,
        # The estimate of this event is not scaled by the difficulty.
        {"num_estimated_compute_units": '"650"', "claimed_upokt": '"379574upokt"', "num_relays": '"5"'},
    ),
    (replace(CREATED, updated=True), "pocket.proof.EventClaimUpdated", CLAIM | WORK, {}),
    (
        SUBMITTED,
        "pocket.proof.EventProofSubmitted",
        CLAIM | WORK,
        {"num_estimated_compute_units": '"6500"', "claim_proof_status_int": "0"},
    ),
    (replace(SUBMITTED, updated=True), "pocket.proof.EventProofUpdated", CLAIM | WORK, {}),
    (
        CHECKED,
        "pocket.proof.EventProofValidityChecked",
        CLAIM | {"block_height", "failure_reason"},
        {
            "block_height": '"1072"',
            "claim_proof_status_int": "2",
            "failure_reason": '"a \\"leaf\\" \\u003c\\u0026\\u003e is wrong"',
            "session_end_block_height": '"1040"',
        },
    ),
    (
        EXPIRED,
        "pocket.tokenomics.EventClaimExpired",
        CLAIM | WORK | {"expiration_reason"},
        {"expiration_reason": '"PROOF_MISSING"'},
    ),
    (DISCARDED, "pocket.tokenomics.EventClaimDiscarded", CLAIM | {"error"}, {"error": '"no application"'}),
    (
        OVERSERVICED,
        "pocket.tokenomics.EventApplicationOverserviced",
        {
            "application_addr",
            "supplier_operator_addr",
            "expected_burn",
            "effective_burn",
            "service_id",
            "session_end_block_height",
            "spend_limit_exceeded",
        },
        {"expected_burn": '"100upokt"', "effective_burn": '"60upokt"', "spend_limit_exceeded": "true"},
    ),
    (
        SLASHED,
        "pocket.tokenomics.EventSupplierSlashed",
        CLAIM | {"proof_missing_penalty", "supplier_stake_after_slash"},
        {"proof_missing_penalty": '"1upokt"', "supplier_stake_after_slash": '"59upokt"'},
    ),
    (
        FELL_BACK,
        "pocket.tokenomics.EventSupplierRevShareFallbackDistribution",
        {
            "supplier_operator_address",
            "supplier_owner_address",
            "service_id",
            "session_end_block_height",
            "amount",
            "op_reason",
            "observed_sum_percentage",
            "reason",
        },
        {"amount": '"77upokt"', "observed_sum_percentage": '"99"'},
    ),
    (
        BATCH,
        "pocket.tokenomics.EventSettlementBatch",
        {
            "session_end_block_height",
            "sender_module",
            "recipient",
            "op_reason",
            "total_amount",
            "num_claims",
            "op_type",
        },
        {"num_claims": "3", "op_type": '"mod_to_acct"', "total_amount": '"9upokt"'},
    ),
    (
        VALIDATORS,
        "pocket.tokenomics.EventValidatorRewardDistribution",
        {
            "session_end_block_height",
            "op_reason",
            "validator_operator_address",
            "validator_account_address",
            "commission_rate",
            "pool_share_upokt",
            "commission_upokt",
            "self_delegation_reward_upokt",
            "delegators_reward_upokt",
            "total_delegated_stake_upokt",
            "num_delegators",
        },
        {
            "pool_share_upokt": '"52084"',
            "validator_operator_address": json.dumps(encode_bech32("poktvaloper", b"\x04" * 20)),
            "num_delegators": "0",
        },
    ),
    (
        DIFFICULTY,
        "pocket.service.EventRelayMiningDifficultyUpdated",
        {
            "service_id",
            "prev_target_hash_hex_encoded",
            "new_target_hash_hex_encoded",
            "prev_num_relays_ema",
            "new_num_relays_ema",
        },
        {"new_target_hash_hex_encoded": f'"7f{"ff" * 31}"', "new_num_relays_ema": '"200"'},
    ),
]


@pytest.mark.parametrize(("event", "name", "fields", "values"), TABLE, ids=lambda one: type(one).__name__)
def test_names_and_values_are_the_networks(
    event: ChainEvent, name: str, fields: set[str], values: dict[str, str]
) -> None:
    [encoded] = encode_event(event)
    assert encoded.type == name
    attributes = dict(encoded.attributes)
    assert attributes.keys() == fields
    assert list(attributes) == sorted(attributes)
    assert {key: attributes[key] for key in values} == values


def test_a_settled_claim_is_two_events() -> None:
    request, settled = encode_event(SETTLED)
    assert request.type == "pocket.tokenomics.EventApplicationReimbursementRequest"
    assert dict(request.attributes) == {
        "application_addr": f'"{APPLICATION}"',
        "supplier_operator_addr": f'"{SUPPLIER}"',
        "supplier_owner_addr": f'"{OWNER}"',
        "service_id": '"eth"',
        "session_id": f'"{"ab" * 32}"',
        "amount": '"7upokt"',
    }
    attributes = dict(settled.attributes)
    assert settled.type == "pocket.tokenomics.EventClaimSettled"
    assert attributes.keys() == CLAIM | WORK | {
        "proof_requirement_int",
        "reward_distribution",
        "reward_distribution_detailed",
        "settled_upokt",
        "mint_ratio",
        "session_id",
        "supplier_owner_address",
        "minted_upokt",
        "overservicing_loss_upokt",
        "deflation_loss_upokt",
    }
    assert attributes["proof_requirement_int"] == "2"
    assert attributes["claim_proof_status_int"] == "1"
    assert attributes["overservicing_loss_upokt"] == '"0upokt"'
    assert attributes["mint_ratio"] == '"0.975"'
    sums = {SUPPLIER: "300000upokt", OWNER: "18007upokt", APPLICATION: "7upokt"}
    expected = ",".join(f'"{address}":"{sums[address]}"' for address in sorted(sums))
    assert attributes["reward_distribution"] == "{" + expected + "}"
    assert json.loads(attributes["reward_distribution_detailed"])[1] == {
        "recipient_address": OWNER,
        "op_reason": "TLM_RELAY_BURN_EQUALS_MINT_DAO_REWARD_DISTRIBUTION",
        "amount": "18000upokt",
    }


def test_the_reimbursement_is_the_last_of_the_rewards() -> None:
    def list_rewards(event: ClaimSettled) -> list[dict[str, str]]:
        settled = encode_event(event)[-1]
        listed = json.loads(dict(settled.attributes)["reward_distribution_detailed"])
        assert isinstance(listed, list)
        return listed

    assert len(list_rewards(SETTLED)) == 4
    assert list_rewards(SETTLED)[-1] == {
        "recipient_address": APPLICATION,
        "op_reason": "TLM_GLOBAL_MINT_REIMBURSEMENT_REQUEST_ESCROW_DAO_TRANSFER",
        "amount": "7upokt",
    }
    without = replace(SETTLED, inflation=Upokt(0), reimbursed=Upokt(0), reimbursed_to="")
    assert list_rewards(without) == list_rewards(SETTLED)[:-1]


def test_what_the_network_does_not_say_is_not_said() -> None:
    assert encode_event(SupplyChanged(Height(1), Upokt(2), Upokt(3), Upokt(4))) == []
    assert encode_event(ParamsUpdated("shared", Height(5))) == []


def test_block_events_carry_their_mode_and_transaction_events_their_message() -> None:
    assert encode_block_events([BATCH])[0].attributes[-1] == ("mode", "EndBlock")
    messages = [Send(SUPPLIER, OWNER, Upokt(1)), CreateClaim(SUPPLIER, HEADER, ROOT)]
    assert encode_transaction_events(messages, [CREATED])[0].attributes[-1] == ("msg_index", "1")
    with pytest.raises(ValueError, match="no message"):
        encode_transaction_events(messages[:1], [CREATED])


# --- there and back ---

AMOUNTS = st.integers(0, 10**30).map(Upokt)
COUNTS = st.integers(0, 2**64 - 1)
UNITS = COUNTS.map(ComputeUnits)
HEIGHTS = st.integers(1, 2**62).map(Height)
TEXTS = st.text(max_size=40)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda data: encode_bech32("pokt", data))
STATUSES = st.sampled_from(ProofStatus)
ROOTS = st.binary(min_size=48, max_size=48)
HASHES = st.binary(min_size=32, max_size=32)


def make_header(application: str, service_id: str, height_end: int) -> SessionHeader:
    """Return the one session that these name."""
    session_id = sha256(f"{application}/{service_id}/{height_end}".encode()).hexdigest()
    return SessionHeader(application, service_id, session_id, Height(height_end - 3), Height(height_end))


HEADERS = st.builds(
    make_header,
    ADDRESSES,
    st.text("abcdefgh-_09", min_size=1, max_size=42),
    st.integers(4, 2**62),
)
REWARDS = st.lists(st.builds(Reward, ADDRESSES, TEXTS, AMOUNTS), max_size=5).map(tuple)


@st.composite
def settled_claims(draw: st.DrawFn) -> list[ChainEvent]:
    """One claim that is paid: overservicing and fallbacks come before it, as the rules emit them."""
    header, supplier = draw(HEADERS), draw(ADDRESSES)
    rewards, validators, inflation = draw(REWARDS), draw(AMOUNTS), draw(AMOUNTS)
    paid = sum(reward.amount for reward in rewards) + validators
    inflation = Upokt(min(inflation, paid))
    settled = ClaimSettled(
        header=header,
        supplier_address=supplier,
        supplier_owner_address=draw(ADDRESSES),
        num_relays=draw(COUNTS),
        num_estimated_relays=draw(COUNTS),
        claimed_compute_units=draw(UNITS),
        estimated_compute_units=draw(UNITS),
        claimed=draw(AMOUNTS),
        settled=draw(AMOUNTS),
        minted=Upokt(paid - inflation),
        inflation=inflation,
        reimbursed=inflation,
        overservicing_loss=draw(AMOUNTS),
        deflation_loss=draw(AMOUNTS),
        mint_ratio=draw(st.sampled_from(["1", "0.975", "0.000001"])),
        rewards=rewards,
        validators=validators,
        proof_requirement=draw(st.sampled_from(ProofRequirement)),
        proof_status=draw(STATUSES),
        reimbursed_to=draw(ADDRESSES) if inflation else "",
    )
    before: list[ChainEvent] = []
    if draw(st.booleans()):
        before.append(
            ApplicationOverserviced(header, supplier, draw(AMOUNTS), draw(AMOUNTS), draw(st.booleans()))
        )
    for _ in range(draw(st.integers(0, 2))):
        owner = settled.supplier_owner_address
        before.append(
            RevenueShareFellBack(
                header, supplier, owner, draw(AMOUNTS), draw(TEXTS), draw(COUNTS), draw(TEXTS)
            )
        )
    return [*before, settled]


@st.composite
def expired_claims(draw: st.DrawFn) -> list[ChainEvent]:
    header, supplier, slashed = draw(HEADERS), draw(ADDRESSES), draw(AMOUNTS)
    status = draw(STATUSES)
    expired = ClaimExpired(
        header,
        supplier,
        draw(AMOUNTS),
        draw(st.sampled_from(["PROOF_MISSING", "PROOF_INVALID"])),
        slashed,
        draw(COUNTS),
        draw(COUNTS),
        draw(UNITS),
        draw(UNITS),
        status,
    )
    if slashed == 0:
        return [expired]
    return [expired, SupplierSlashed(header, supplier, slashed, draw(AMOUNTS), status)]


CHECKS = st.builds(ProofChecked, HEADERS, ADDRESSES, HEIGHTS, STATUSES, TEXTS)
DISCARDS = st.builds(ClaimDiscarded, HEADERS, ADDRESSES, AMOUNTS, TEXTS, STATUSES).map(lambda one: [one])
BATCHES = st.builds(
    SettlementBatch,
    HEIGHTS,
    TEXTS,
    TEXTS,
    TEXTS,
    AMOUNTS,
    st.integers(0, 2**32 - 1),
    st.sampled_from(["mint", "mod_to_mod", "mod_to_acct", "burn"]),
)
VALIDATOR_EVENTS = st.builds(ValidatorsRewarded, HEIGHTS, TEXTS, ADDRESSES, AMOUNTS, AMOUNTS)
DIFFICULTIES = st.builds(DifficultyUpdated, TEXTS, HASHES, HASHES, COUNTS, COUNTS)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[list[ChainEvent], Height, Upokt]:
    height, supply = draw(HEIGHTS), draw(AMOUNTS)
    claims = draw(
        st.lists(
            settled_claims() | expired_claims() | DISCARDS,
            max_size=4,
            unique_by=lambda claim: (claim[0].header, claim[0].supplier_address),  # type: ignore[union-attr]
        )
    )
    settlement: list[ChainEvent] = [event for claim in claims for event in claim]
    batches = draw(st.lists(BATCHES, max_size=4))
    settlement += batches
    settlement += draw(st.lists(VALIDATOR_EVENTS, max_size=2))
    minted = sum(one.amount for one in batches if one.operation == "mint")
    burned = sum(one.amount for one in batches if one.operation == "burn")
    burned += sum(one.penalty for one in settlement if isinstance(one, SupplierSlashed))
    if minted or burned:
        settlement.append(SupplyChanged(height, Upokt(minted), Upokt(burned), supply))
    checks: list[ChainEvent] = list(draw(st.lists(CHECKS, max_size=2)))
    return [*checks, *settlement, *draw(st.lists(DIFFICULTIES, max_size=2))], height, supply


def key_of(header: SessionHeader) -> SessionKey:
    return SessionKey(header.application_address, header.service_id, header.height_end)


@given(blocks())
@settings(max_examples=60, deadline=None)
def test_a_block_that_is_encoded_and_decoded_is_the_same(
    block: tuple[list[ChainEvent], Height, Upokt],
) -> None:
    events, height, supply = block
    headers = {key_of(event.header): event.header for event in events if hasattr(event, "header")}
    claimed = {
        (event.header, event.supplier_address): event.claimed
        for event in events
        if isinstance(event, ClaimDiscarded)
    }
    encoded = encode_block_events(events)
    assert set(list_sessions(encoded)) <= headers.keys()
    assert set(list_discarded_claims(encoded)) == {(key_of(one), supplier) for one, supplier in claimed}
    sources = EventSources(
        height=height,
        find_header=headers.__getitem__,
        find_claimed=lambda header, supplier: claimed[header, supplier],
        supply=supply,
    )
    stranger = NetworkEvent("coin_spent", (("spender", "somebody"), ("mode", "EndBlock")))
    assert decode_block_events([stranger, *encoded, stranger], sources) == tuple(events)


@st.composite
def transactions(draw: st.DrawFn) -> tuple[list[CreateClaim | SubmitProof | Send], list[ChainEvent]]:
    messages: list[CreateClaim | SubmitProof | Send] = []
    events: list[ChainEvent] = []
    for _ in range(draw(st.integers(1, 5))):
        header, supplier = draw(HEADERS), draw(ADDRESSES)
        match draw(st.integers(0, 2)):
            case 0:
                root = draw(ROOTS)
                messages.append(CreateClaim(supplier, header, root))
                events.append(
                    ClaimCreated(
                        header,
                        supplier,
                        root,
                        draw(COUNTS),
                        draw(UNITS),
                        draw(AMOUNTS),
                        draw(st.booleans()),
                        draw(COUNTS),
                    )
                )
            case 1:
                messages.append(SubmitProof(supplier, header, draw(ROOTS)))
                events.append(
                    ProofSubmitted(
                        header,
                        supplier,
                        draw(COUNTS),
                        draw(COUNTS),
                        draw(UNITS),
                        draw(UNITS),
                        draw(AMOUNTS),
                        draw(STATUSES),
                        draw(st.booleans()),
                    )
                )
            case _:
                messages.append(Send(supplier, draw(ADDRESSES), Upokt(1)))
    return messages, events


@given(transactions())
@settings(max_examples=60, deadline=None)
def test_a_transaction_that_is_encoded_and_decoded_is_the_same(
    one: tuple[list[CreateClaim | SubmitProof | Send], list[ChainEvent]],
) -> None:
    messages, events = one
    encoded = encode_transaction_events(messages, events)
    decoded = decode_transaction_events(messages, encoded, find_params_height=lambda _module: Height(0))
    assert decoded == tuple(events)


# --- what is wrong is said to be ---

SOURCES = EventSources(
    height=Height(1072),
    find_header=lambda _key: HEADER,
    find_claimed=lambda _header, _supplier: Upokt(379574),
    supply=Upokt(10**15),
)


def change(event: NetworkEvent, key: str, value: str | None) -> NetworkEvent:
    """Return an event with one attribute replaced, or left out."""
    kept = tuple(pair for pair in event.attributes if pair[0] != key)
    return NetworkEvent(event.type, kept if value is None else (*kept, (key, value)))


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (SETTLED, "settled_upokt", None),
        (SETTLED, "settled_upokt", '"12"'),
        (SETTLED, "settled_upokt", '"1.5upokt"'),
        (SETTLED, "settled_upokt", '"-1upokt"'),
        (SETTLED, "settled_upokt", '"5uatom"'),
        (SETTLED, "minted_upokt", '"1upokt"'),
        (SETTLED, "num_relays", '"18446744073709551616"'),
        (SETTLED, "num_relays", '"-1"'),
        (SETTLED, "num_relays", '"1e3"'),
        (SETTLED, "claim_proof_status_int", "7"),
        (SETTLED, "session_id", '"' + "cd" * 32 + '"'),
        (SETTLED, "reward_distribution_detailed", "{}"),
        (SETTLED, "reward_distribution_detailed", '[{"recipient_address":"a"}]'),
        (SETTLED, "reward_distribution_detailed", "[" * 100_000),
        (OVERSERVICED, "spend_limit_exceeded", '"true"'),
        (CHECKED, "failure_reason", "bare"),
        (DIFFICULTY, "new_target_hash_hex_encoded", '"ff"'),
        (DIFFICULTY, "new_target_hash_hex_encoded", '"no hex"'),
        (VALIDATORS, "pool_share_upokt", '"1upokt"'),
    ],
)
def test_a_malformed_event_is_refused(event: ChainEvent, key: str, value: str | None) -> None:
    encoded = encode_block_events([event])
    assert decode_block_events(encoded, SOURCES) == (event,)
    wrong = [
        change(one, key, value) if one.type != encoded[0].type or len(encoded) == 1 else one
        for one in encoded
    ]
    with pytest.raises(ValueError, match=r"."):
        decode_block_events(wrong, SOURCES)


def test_an_event_of_the_wrong_message_is_refused() -> None:
    messages = [CreateClaim(SUPPLIER, HEADER, ROOT), Send(SUPPLIER, OWNER, Upokt(1))]
    [encoded] = encode_transaction_events(messages, [CREATED])
    for index in ("1", "2", "-1", "x"):
        with pytest.raises(ValueError, match=r"."):
            decode_transaction_events(
                messages, [change(encoded, "msg_index", index)], find_params_height=lambda _module: Height(0)
            )


def test_unknown_attributes_are_skipped_and_bare_integers_read() -> None:
    [encoded] = encode_block_events([DISCARDED])
    more = change(change(encoded, "later", "what"), "session_end_block_height", "1040")
    assert decode_block_events([more], SOURCES) == (DISCARDED,)


def test_a_fallback_without_its_claim_is_refused() -> None:
    with pytest.raises(ValueError, match="settled after"):
        decode_block_events(encode_block_events([FELL_BACK]), SOURCES)


def test_a_slash_is_burned_once() -> None:
    """Whether or not the network also says it with a batch."""
    batch = replace(
        BATCH, reason="UNSPECIFIED_TLM_SUPPLIER_SLASH_STAKE_BURN", operation="burn", amount=Upokt(1)
    )
    change = SupplyChanged(SOURCES.height, Upokt(0), Upokt(1), SOURCES.supply)
    assert decode_block_events(encode_block_events([SLASHED]), SOURCES) == (SLASHED, change)
    assert decode_block_events(encode_block_events([batch, SLASHED]), SOURCES) == (batch, SLASHED, change)


def test_a_change_of_parameters_follows_from_its_message() -> None:
    messages = [UpdateParam(OWNER, "service", "target_num_relays", 7), CreateClaim(SUPPLIER, HEADER, ROOT)]
    events = (ParamsUpdated("service", Height(9)), CREATED)
    encoded = encode_transaction_events(messages, events)
    assert [one.type for one in encoded] == ["pocket.proof.EventClaimCreated"]
    heights = {"service": Height(9)}
    decoded = decode_transaction_events(messages, encoded, find_params_height=heights.__getitem__)
    assert decoded == events
