from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from joey.core.errors import LedgerError, UnbalancedEntry
from joey.core.ledger.accounts import Unit
from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.journal import Entry, EntryKind, compute_balances
from joey.core.ledger.rules import book_event, read_paid_claim
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    Reward,
    SupplyChanged,
)
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.settlement import ProofVerdict
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.testing.settlements import make_header, make_root, settle_session

TIME = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
HEADER = make_header("app", "text")
BASE_4 = ((2**256 - 1) // 4).to_bytes(32, "big")
REFERENCE = AgreedPrice(
    "text", Height(1), "2026-W47", NanoUsd(750_000), NanoUsd(250_000_000), ComputeUnits(3000)
)
PORTAL = Terms("portal", REFERENCE)


def settle(
    relays: int,
    units: int,
    params: NetworkParams,
    *,
    suppliers: int = 1,
    stake: int = 10**12,
    target: bytes = b"\xff" * 32,
    verdict: ProofVerdict = ProofVerdict.NOT_REQUIRED,
) -> ClaimSettled | ClaimExpired | ClaimDiscarded:
    """Return the event of the first supplier."""
    events = settle_session(
        HEADER,
        {f"s{index}": relays for index in range(suppliers)},
        compute_units=ComputeUnits(units),
        params=params,
        application_stake=Upokt(stake),
        verdicts={"s0": verdict},
        target=target,
    )
    event = next(e for e in events if isinstance(e, ClaimSettled | ClaimExpired | ClaimDiscarded))
    assert event.supplier_address == "s0"
    return event


def book(event: object, terms: Terms | None = PORTAL) -> tuple[Entry, ...]:
    return book_event(event, height=Height(30), time=TIME, terms=terms)  # type: ignore[arg-type]


def upokt_of(entry: Entry) -> dict[str, int]:
    assert {posting.unit for posting in entry.postings} <= {Unit.UPOKT}
    return {posting.account: posting.amount for posting in entry.postings}


def test_reference_relays_at_ratio_one() -> None:
    settlement, sale = book(settle(1000, 3000, MINIMAL))
    assert settlement.id == f"settlement:{HEADER.session_id}:s0"
    assert (settlement.time, settlement.height) == (TIME, 30)
    assert upokt_of(settlement) == {
        "stake:application:app": -3_000_000,
        "supply:burn": 3_000_000,
        "supply:mint": -3_000_000,
        "supplier:s0:owner": 1_896_000,
        "supplier:s0:operator": 474_000,
        "owner:service-owner": 75_000,
        "dao": 135_000,
        "validators": 420_000,
    }
    assert sale.id == f"sale:{HEADER.session_id}:s0"
    assert sale.link == settlement.id
    assert {p.account: (p.unit, p.amount) for p in sale.postings} == {
        "sales:text": (Unit.FEMTO_USD, -750_000_000_000_000),
        "consumed:text": (Unit.FEMTO_USD, 750_000_000_000_000),
    }


# The worked example of the network's own parameters: 1,000 mined relays of 2,600 compute units.
@pytest.mark.parametrize(
    ("target", "suppliers", "stake", "expected"),
    [
        pytest.param(
            b"\xff" * 32,
            1,
            10**12,
            {
                "stake:application:app": -379_575,
                "supply:burn": 379_574,
                "supply:mint": -370_084,
                "supply:inflation": -1,
                "supplier:s0:owner": 233_893,
                "supplier:s0:operator": 58_473,
                "owner:service-owner": 9_252,
                "dao": 16_655 + 1 + 1,
                "validators": 51_811,
            },
            id="base difficulty",
        ),
        pytest.param(
            BASE_4,
            1,
            10**12,
            {
                "stake:application:app": -1_518_298,
                "supply:burn": 1_518_296,
                "supply:mint": -1_480_338,
                "supply:inflation": -2,
                "supplier:s0:owner": 935_574 + 1,
                "supplier:s0:operator": 233_893,
                "owner:service-owner": 37_008,
                "dao": 66_616 + 1 + 2,
                "validators": 207_247,
            },
            id="a quarter of the relays count",
        ),
        pytest.param(
            b"\xff" * 32,
            50,
            2_000_000,
            {
                "stake:application:app": -20_000,
                "supply:burn": 19_999,
                "supply:mint": -19_499,
                "supply:inflation": -1,
                "supplier:s0:owner": 12_324,
                "supplier:s0:operator": 3_080,
                "owner:service-owner": 487,
                "dao": 879 + 1 + 1,
                "validators": 2_729,
            },
            id="over-serviced",
        ),
    ],
)
def test_worked_example_of_mainnet(
    target: bytes, suppliers: int, stake: int, expected: dict[str, int]
) -> None:
    event = settle(1000, 2600, MAINNET, suppliers=suppliers, stake=stake, target=target)
    (settlement,) = book(event, Terms("portal"))
    assert upokt_of(settlement) == expected
    paid = read_paid_claim(settlement)
    assert (paid.burned - paid.minted, paid.mint_ratio) == (paid.deflation_loss, "0.975")


def test_relays_are_those_that_the_mined_ones_stand_for() -> None:
    (settlement,) = book(settle(1000, 2600, MAINNET, target=BASE_4), Terms("portal"))
    paid = read_paid_claim(settlement)
    assert (paid.relays, paid.relays_mined, paid.compute_units) == (4000, 1000, 10_400_000)


def test_overservicing_and_residue_are_booked_exactly() -> None:
    # Agreed: 379.6 upokt a relay, charged 379.574, and only a part of it paid.
    agreement = AgreedPrice(
        "text", Height(1), "2026-W47", NanoUsd(94_900), NanoUsd(250_000_000), ComputeUnits(1)
    )
    event = settle(1000, 2600, MAINNET, suppliers=50, stake=2_000_000)
    settlement, sale = book(event, Terms("portal", agreement))
    paid = read_paid_claim(settlement)
    rate = 250_000_000
    assert {p.account: p.amount for p in sale.postings} == {
        "sales:text": -379_600 * rate,
        "consumed:text": 19_999 * rate,
        "overservicing:text": 359_575 * rate,
        "rounding": 26 * rate,
    }
    assert paid.agreed == 379_600
    assert paid.residue == 26
    assert paid.agreed == paid.burned + paid.overservicing_loss + paid.residue


def test_residue_of_a_rate_that_does_not_divide_is_an_exact_fraction() -> None:
    agreement = replace(REFERENCE, rate=NanoUsd(333_333_337))
    settlement, sale = book(settle(7, 2250, MINIMAL), Terms("portal", agreement))
    paid = read_paid_claim(settlement)
    assert paid.residue == Fraction(7 * 750_000 * 10**6, 333_333_337) - 7 * 2250
    assert sale.sum_of("rounding") == paid.residue * 333_333_337


def test_without_an_agreement_there_is_no_sale_and_no_residue() -> None:
    (settlement,) = book(settle(10, 2600, MAINNET), Terms("app"))
    paid = read_paid_claim(settlement)
    assert (paid.operator, paid.residue, paid.agreed) == ("app", 0, paid.claimed)


def test_supplier_that_is_its_own_owner_is_paid_as_operator() -> None:
    event = settle(1000, 3000, MINIMAL)
    assert isinstance(event, ClaimSettled)
    rewards = tuple(replace(r, recipient=r.recipient.replace("s0-owner", "s0")) for r in event.rewards)
    event = replace(event, supplier_owner_address="s0", rewards=rewards)
    assert upokt_of(book(event)[0])["supplier:s0:operator"] == 1_896_000 + 474_000


def test_other_shareholders_are_paid_under_the_supplier() -> None:
    event = settle(1000, 3000, MINIMAL)
    assert isinstance(event, ClaimSettled)
    rewards = tuple(replace(r, recipient=r.recipient.replace("s0-owner", "friend")) for r in event.rewards)
    event = replace(event, rewards=rewards)
    assert upokt_of(book(event)[0])["supplier:s0:share:friend"] == 1_896_000


def test_application_and_validator_rewards_have_accounts() -> None:
    event = settle(1000, 3000, MINIMAL)
    assert isinstance(event, ClaimSettled)
    first, second, *rest = event.rewards
    rewards = (
        replace(first, recipient="app", reason="TLM_RELAY_BURN_EQUALS_MINT_APPLICATION_REWARD_DISTRIBUTION"),
        replace(second, recipient="val", reason="TLM_GLOBAL_MINT_DELEGATOR_REWARD_DISTRIBUTION"),
        *rest,
    )
    amounts = upokt_of(book(replace(event, rewards=rewards))[0])
    assert amounts["application:app"] == first.amount
    assert amounts["validators"] == second.amount + event.validators


def test_unknown_reason_stops_the_books() -> None:
    event = settle(1000, 3000, MINIMAL)
    assert isinstance(event, ClaimSettled)
    with pytest.raises(LedgerError, match="TLM_NEW") as caught:
        book(replace(event, rewards=(Reward("x", "TLM_NEW", Upokt(1)),)))
    assert caught.value.fields == {"reason": "TLM_NEW"}


def test_event_that_contradicts_itself_is_refused() -> None:
    event = settle(1000, 3000, MINIMAL)
    assert isinstance(event, ClaimSettled)
    with pytest.raises(UnbalancedEntry):
        book(replace(event, minted=Upokt(event.minted + 1)))


def test_claim_that_settles_to_nothing_is_booked_without_postings() -> None:
    (settlement,) = book(settle(10, 3000, MINIMAL, stake=0), Terms("portal"))
    assert settlement.postings == ()
    assert read_paid_claim(settlement).overservicing_loss == 30_000


def test_expired_claim_is_slashed() -> None:
    (entry,) = book(settle(10, 3000, MINIMAL, verdict=ProofVerdict.MISSING), None)
    assert entry.id == f"expiry:{HEADER.session_id}:s0"
    assert entry.kind is EntryKind.EXPIRY
    assert upokt_of(entry) == {"stake:supplier:s0": -1_000_000, "supply:slash": 1_000_000}
    assert (entry.text("reason"), entry.number("claimed")) == ("PROOF_MISSING", 30_000)


def test_expired_claim_without_a_slash_keeps_the_fact() -> None:
    (entry,) = book(ClaimExpired(HEADER, "s0", Upokt(9), "PROOF_INVALID", Upokt(0)), None)
    assert entry.postings == ()
    assert entry.text("reason") == "PROOF_INVALID"


def test_discarded_claim_keeps_the_fact() -> None:
    (entry,) = book(ClaimDiscarded(HEADER, "s0", Upokt(9), "no config"), None)
    assert (entry.id, entry.postings) == (f"discard:{HEADER.session_id}:s0", ())
    assert (entry.text("error"), entry.number("claimed")) == ("no config", 9)


def test_supply_is_kept_without_postings() -> None:
    (entry,) = book(SupplyChanged(Height(30), Upokt(5), Upokt(7), Upokt(100)), None)
    assert (entry.id, entry.height, entry.postings) == ("supply:30", 30, ())
    assert [entry.number(name) for name in ("minted", "burned", "supply")] == [5, 7, 100]


def test_creation_and_overservicing_move_nothing() -> None:
    root = make_root(ComputeUnits(1), 1)
    assert book(ClaimCreated(HEADER, "s0", root, 1, ComputeUnits(1), Upokt(1)), None) == ()
    assert book(ApplicationOverserviced(HEADER, "s0", Upokt(2), Upokt(1), False), None) == ()


def test_booking_twice_gives_the_same() -> None:
    event = settle(1000, 2600, MAINNET)
    assert book(event) == book(event)


def test_supply_changes_by_deflation_and_inflation_only() -> None:
    balances = compute_balances(book(settle(1000, 2600, MAINNET), Terms("portal")))
    supply = sum(amount for (account, _), amount in balances.items() if account.startswith("supply:"))
    assert supply == 9_490 - 1


def test_only_settlements_are_paid_claims() -> None:
    (entry,) = book(ClaimDiscarded(HEADER, "s0", Upokt(9), "no config"), None)
    with pytest.raises(ValueError, match="not a settlement"):
        read_paid_claim(entry)
    with pytest.raises(ValueError, match="more than 0"):
        replace(REFERENCE, rate=NanoUsd(0))
