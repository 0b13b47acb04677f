from dataclasses import replace
from fractions import Fraction

import pytest

from joey.core.errors import ConfigError
from joey.core.offers.offer import ServiceOffer
from joey.core.offers.pricing import compute_agreed_price, compute_offer_price
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.services import COMPUTE_UNITS_PER_RELAY_MAX
from joey.core.units import NanoUsd, read_usd

QUARTER = read_usd("0.25")
OFFER = ServiceOffer("text", "Text", ("smol",), read_usd("0.00075"))


def test_reference_price_is_3000_upokt() -> None:
    assert compute_agreed_price(OFFER.price, QUARTER) == 3000


def test_reference_price_is_3000_units_without_residue_at_minimal() -> None:
    price = compute_offer_price(OFFER, QUARTER, MINIMAL.shared)
    assert (price.compute_units, price.agreed, price.charged, price.residue) == (3000, 3000, 3000, 0)


def test_reference_price_at_mainnet_leaves_a_residue() -> None:
    price = compute_offer_price(OFFER, QUARTER, MAINNET.shared)
    assert price.compute_units == 20_549
    assert price.charged == Fraction(20_549 * 145_990, 10**6) == Fraction("2999.94851")
    assert price.residue == Fraction("0.05149")
    assert price.agreed == price.charged + price.residue


def test_rate_that_does_not_divide_stays_exact() -> None:
    price = compute_offer_price(OFFER, NanoUsd(300_000_007), MAINNET.shared)
    assert price.agreed == Fraction(750_000 * 10**6, 300_000_007)
    assert abs(price.residue) <= Fraction(145_990, 10**6) / 2


@pytest.mark.parametrize(("price", "units"), [(25, 2), (35, 3)])
def test_of_two_equally_near_the_lesser(price: int, units: int) -> None:
    # 2.5 and 3.5 upokt agreed at one upokt a unit.
    result = compute_offer_price(replace(OFFER, price=NanoUsd(price)), NanoUsd(10_000_000), MINIMAL.shared)
    assert (result.agreed, result.compute_units, result.residue) == (
        Fraction(price, 10),
        units,
        Fraction(1, 2),
    )


def test_residue_is_negative_when_rounded_up() -> None:
    offer = replace(OFFER, price=NanoUsd(26))
    price = compute_offer_price(offer, NanoUsd(10_000_000), MINIMAL.shared)
    assert (price.compute_units, price.residue) == (3, Fraction(-2, 5))


@pytest.mark.parametrize(
    ("price", "rate", "text"),
    [
        (0, QUARTER, "more than 0"),
        (-1, QUARTER, "more than 0"),
        (750_000, 0, "cannot cost 0.00 dollars"),
        (1, NanoUsd(10**9), "less than half a compute unit"),
        (10**12, QUARTER, "at most 2097152"),
    ],
)
def test_what_cannot_be_charged_is_refused_by_name(price: int, rate: NanoUsd, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        compute_offer_price(replace(OFFER, price=NanoUsd(price)), rate, MINIMAL.shared)
    assert "offer text:" in caught.value.message
    assert caught.value.fields["service_id"] == "text"


def test_half_a_unit_is_refused_and_a_little_more_is_one() -> None:
    half = replace(OFFER, price=NanoUsd(5))
    with pytest.raises(ConfigError, match="half a compute unit"):
        compute_offer_price(half, NanoUsd(10_000_000), MINIMAL.shared)
    more = replace(OFFER, price=NanoUsd(6))
    assert compute_offer_price(more, NanoUsd(10_000_000), MINIMAL.shared).compute_units == 1


def test_the_ceiling_itself_is_charged() -> None:
    offer = replace(OFFER, price=NanoUsd(COMPUTE_UNITS_PER_RELAY_MAX))
    rate = NanoUsd(10**6)
    assert compute_offer_price(offer, rate, MINIMAL.shared).compute_units == COMPUTE_UNITS_PER_RELAY_MAX
    with pytest.raises(ConfigError, match="at most"):
        compute_offer_price(replace(offer, price=NanoUsd(offer.price + 1)), rate, MINIMAL.shared)


def test_free_compute_units_cannot_charge() -> None:
    free = replace(MINIMAL.shared, compute_units_to_tokens_multiplier=0)
    with pytest.raises(ConfigError, match="cost nothing"):
        compute_offer_price(OFFER, QUARTER, free)


def test_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="cannot cost"):
        compute_agreed_price(OFFER.price, NanoUsd(0))
