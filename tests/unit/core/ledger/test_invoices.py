from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.invoice_codec import decode_invoice, encode_invoice
from joey.core.ledger.invoices import Fixing, Invoice, book_invoice, compute_invoice
from joey.core.ledger.journal import Entry, compute_balances
from joey.core.ledger.rules import book_event
from joey.core.ledger.weeks import compute_week_start
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.testing.settlements import make_header, settle_session

WEEK = "2026-W47"
START = compute_week_start(WEEK)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
QUARTER = Fixing(WEEK, NanoUsd(250_000_000), "fixed", START)


def sell(
    relays: dict[str, int],
    *,
    application: str = "app",
    service: str = "text",
    session: int = 1,
    operator: str = "portal",
    time: datetime = START,
    units: int = 3000,
    params: NetworkParams = MINIMAL,
    price: int = 750_000,
    rate: int = 250_000_000,
) -> list[Entry]:
    header = make_header(application, service, number=session)
    agreement = AgreedPrice(service, Height(1), WEEK, NanoUsd(price), NanoUsd(rate), ComputeUnits(units))
    return [
        entry
        for event in settle_session(header, relays, compute_units=ComputeUnits(units), params=params)
        for entry in book_event(event, height=Height(9), time=time, terms=Terms(operator, agreement))
    ]


def invoice_of(
    entries: Iterable[Entry],
    *,
    operator: str = "portal",
    earlier: Sequence[Invoice] = (),
    fixing: Fixing = QUARTER,
) -> Invoice | None:
    return compute_invoice(
        entries, operator=operator, week=fixing.week, fixing=fixing, earlier=earlier, time=NOW
    )


def test_lines_are_per_service_and_application() -> None:
    entries = [
        *sell({"s0": 10, "s1": 20}),
        *sell({"s0": 5}, session=2),
        *sell({"s0": 1}, application="other"),
        *sell({"s0": 2}, service="code"),
    ]
    invoice = invoice_of(entries)
    assert invoice is not None
    assert invoice.number == "JOEY-2026-W47-portal-1"
    assert [(line.service_id, line.application_address, line.relays) for line in invoice.lines] == [
        ("code", "app", 2),
        ("text", "app", 35),
        ("text", "other", 1),
    ]
    line = invoice.lines[1]
    assert (line.compute_units, line.burned, line.minted, line.dollars) == (
        105_000,
        105_000,
        105_000,
        26_250_000,
    )
    assert (line.agreed, line.residue, line.overservicing_loss, line.reimbursed) == (105_000, 0, 0, 0)
    assert (invoice.relays, invoice.burned, invoice.dollars) == (38, 114_000, 28_500_000)
    assert len(invoice.entry_ids) == 5


def test_only_settlements_of_the_operator_and_week() -> None:
    entries = [
        *sell({"s0": 10}),
        *sell({"s0": 20}, application="b", operator="rival"),
        *sell({"s0": 40}, session=2, time=START - timedelta(microseconds=1)),
        *sell({"s0": 80}, session=3, time=START + timedelta(days=7)),
        *sell({"s0": 160}, session=4, time=START + timedelta(days=7) - timedelta(microseconds=1)),
    ]
    mine, rivals = invoice_of(entries), invoice_of(entries, operator="rival")
    assert mine is not None
    assert rivals is not None
    assert (mine.relays, rivals.relays) == (170, 20)
    assert invoice_of(entries, operator="nobody") is None


def test_second_invoice_has_only_what_settled_since() -> None:
    before, after = sell({"s0": 10}), sell({"s0": 7}, session=2)
    first = invoice_of(before)
    assert first is not None
    assert invoice_of(before, earlier=[first]) is None
    second = invoice_of([*before, *after], earlier=[first])
    assert second is not None
    assert (second.number, second.relays) == ("JOEY-2026-W47-portal-2", 7)
    assert not set(first.entry_ids) & set(second.entry_ids)
    assert invoice_of([*before, *after], earlier=[first, second]) is None


def test_sequence_counts_per_operator_and_week() -> None:
    rivals = invoice_of(sell({"s0": 1}, application="b", operator="rival"), operator="rival")
    assert rivals is not None
    mine = invoice_of(sell({"s0": 1}), earlier=[rivals])
    assert mine is not None
    assert mine.sequence == 1


def test_entry_that_comes_twice_counts_once() -> None:
    entries = sell({"s0": 10})
    assert invoice_of(entries + entries[::-1]) == invoice_of(entries)


def test_mainnet_residue_is_exact_and_reimbursement_is_charged() -> None:
    invoice = invoice_of(sell({"s0": 1000}, units=20_549, params=MAINNET))
    assert invoice is not None
    (line,) = invoice.lines
    # 1,000 x 2,999.94851 is 2,999,948.51: settlement rounds the claim down.
    assert (line.burned, line.reimbursed, line.minted) == (2_999_948, 3, 2_924_949)
    assert line.agreed == 3_000_000
    assert line.residue == 52
    assert line.dollars == (2_999_948 + 3) * 250
    assert invoice.residue == 52


def test_line_is_rounded_once_to_the_nearest_nano_dollar() -> None:
    fixing = replace(QUARTER, price=NanoUsd(333_333_333))
    invoice = invoice_of(sell({"s0": 1, "s1": 2}, rate=333_333_333), fixing=fixing)
    assert invoice is not None
    assert invoice.dollars == 3_000_000  # 9,000 x 333.333333 = 2,999,999.997
    assert invoice.residue == 3 * Fraction(750_000 * 10**6, 333_333_333) - 9000


def test_week_is_priced_at_its_own_fixing_not_at_that_of_the_sale() -> None:
    invoice = invoice_of(sell({"s0": 10}), fixing=replace(QUARTER, price=NanoUsd(500_000_000)))
    assert invoice is not None
    assert (invoice.burned, invoice.dollars, invoice.residue) == (30_000, 15_000_000, 0)


def test_fixing_of_another_week_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot price"):
        compute_invoice([], operator="portal", week="2026-W48", fixing=QUARTER, earlier=[], time=NOW)


def test_invoice_is_booked_as_two_linked_entries() -> None:
    invoice = invoice_of(sell({"s0": 1, "s1": 2}), fixing=replace(QUARTER, price=NanoUsd(333_333_333)))
    assert invoice is not None
    dollars, upokt = book_invoice(invoice)
    assert (dollars.link, upokt.link) == (upokt.id, dollars.id)
    assert {p.account: p.amount for p in dollars.postings} == {
        "receivable:portal": 3_000_000 * 10**6,
        "conversion": -9000 * 333_333_333,
        "rounding": -3000,
    }
    assert {p.account: p.amount for p in upokt.postings} == {"restore:portal": -9000, "conversion": 9000}
    assert sum(compute_balances([dollars, upokt]).values()) == 0


def test_text_is_the_invoice_and_back() -> None:
    invoice = invoice_of(sell({"s0": 1000}, units=20_549, params=MAINNET, rate=333_333_337))
    assert invoice is not None
    assert decode_invoice(encode_invoice(invoice)) == invoice


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_what_is_no_invoice(text: str) -> None:
    with pytest.raises(ValueError):
        decode_invoice(text)


def test_fixing_is_checked() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        replace(QUARTER, price=NanoUsd(0))
    with pytest.raises(ValueError, match="not a week"):
        replace(QUARTER, week="2026")
    with pytest.raises(ValueError, match="zone"):
        replace(QUARTER, time=datetime(2026, 11, 16))  # noqa: DTZ001 - what is tested


def test_reference_purchase() -> None:
    entries = [
        entry
        for session in range(1, 11)
        for entry in sell({f"s{index}": 2000 for index in range(5)}, session=session)
    ]
    invoice = invoice_of(entries)
    assert invoice is not None
    assert (invoice.relays, invoice.burned, invoice.minted) == (100_000, 300_000_000, 300_000_000)
    assert invoice.dollars == 75 * 10**9
    assert invoice.residue == 0
    assert len(invoice.entry_ids) == 50
    balances = compute_balances(entries)
    supply = {account: amount for (account, _), amount in balances.items() if account.startswith("supply")}
    assert supply == {"supply:burn": 300_000_000, "supply:mint": -300_000_000}
    held = sum(
        amount
        for (account, unit), amount in balances.items()
        if unit == "upokt" and not account.startswith("supply") and account != "stake:application:app"
    )
    assert held == 300_000_000


def test_reference_purchase_at_mainnet() -> None:
    entries = [
        entry
        for session in range(1, 11)
        for entry in sell(
            {f"s{index}": 2000 for index in range(5)}, session=session, units=20_549, params=MAINNET
        )
    ]
    invoice = invoice_of(entries)
    assert invoice is not None
    # Each of 50 claims is worth 2,000 x 2,999.94851 = 5,999,897.02 upokt, rounded down.
    assert invoice.burned == 50 * 5_999_897
    assert invoice.reimbursed == 50 * 6
    assert invoice.minted == 50 * (5_999_897 * 39 // 40)
    assert invoice.residue == 300_000_000 - 50 * 5_999_897 == 5150
    assert invoice.dollars == (50 * 5_999_897 + 50 * 6) * 250
    assert invoice.lines[0].agreed == invoice.burned + invoice.residue
    assert Upokt(sum(entry.sum_of("supply:burn") for entry in entries)) == invoice.burned
