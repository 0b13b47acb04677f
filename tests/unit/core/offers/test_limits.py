from __future__ import annotations

import pytest

from joey.core.errors import LimitExceeded
from joey.core.offers.limits import check_request, count_tokens_in, count_tokens_out
from joey.core.offers.offer import Limits, ServiceOffer, TokenCounting
from joey.core.openai.requests import ModelRequest
from joey.core.units import NanoUsd

OFFER = ServiceOffer("text", "Text", ("m",), NanoUsd(750_000))


def request(
    text_bytes: int = 0, maximum: int | None = None, choices: int = 1, token_ids: int = 0, inputs: int = 1
) -> ModelRequest:
    return ModelRequest(
        "m", text_bytes, maximum, choices, False, token_ids, inputs, "messages", "max_completion_tokens"
    )


def refuse(asked: ModelRequest, offer: ServiceOffer = OFFER) -> dict[str, object]:
    with pytest.raises(LimitExceeded) as caught:
        check_request(asked, offer)
    return caught.value.fields


@pytest.mark.parametrize(("text_bytes", "tokens"), [(0, 1), (1, 1), (3, 1), (4, 2), (600, 200), (601, 201)])
def test_bytes_become_tokens_rounded_up(text_bytes: int, tokens: int) -> None:
    assert count_tokens_in(request(text_bytes), OFFER) == tokens


def test_the_offer_names_how_tokens_are_counted() -> None:
    fine = ServiceOffer("t", "T", ("m",), NanoUsd(1), counting=TokenCounting(bytes_per_token=1))
    assert count_tokens_in(request(600), fine) == 600


def test_the_limit_itself_is_admitted_and_one_more_is_not() -> None:
    check_request(request(600), OFFER)
    assert refuse(request(601)) == {"param": "messages", "limit": 200, "actual": 201}


def test_a_token_id_is_a_token_and_a_message_at_least_one() -> None:
    check_request(request(token_ids=200), OFFER)
    assert refuse(request(token_ids=201))["actual"] == 201
    check_request(request(inputs=200), OFFER)
    assert refuse(request(inputs=201))["actual"] == 201


@pytest.mark.parametrize(
    ("maximum", "choices", "tokens"),
    [(None, 1, 1000), (None, 2, 2000), (5, 1, 5), (500, 2, 1000), (1000, 1, 1000)],
)
def test_every_choice_counts_its_maximum(maximum: int | None, choices: int, tokens: int) -> None:
    assert count_tokens_out(request(maximum=maximum, choices=choices), OFFER) == tokens


@pytest.mark.parametrize(
    ("maximum", "choices", "param", "actual"),
    [
        (1001, 1, "max_completion_tokens", 1001),
        (1001, 2, "max_completion_tokens", 2002),
        (501, 2, "n", 1002),
        (None, 2, "n", 2000),
        (2**53 - 1, 2**53 - 1, "max_completion_tokens", (2**53 - 1) ** 2),
    ],
)
def test_too_much_out_is_refused_by_name(maximum: int | None, choices: int, param: str, actual: int) -> None:
    assert refuse(request(maximum=maximum, choices=choices)) == {
        "param": param,
        "limit": 1000,
        "actual": actual,
    }


def test_limits_are_the_offers() -> None:
    small = ServiceOffer("t", "T", ("m",), NanoUsd(1), limits=Limits(tokens_in_max=1, tokens_out_max=2))
    check_request(request(3, maximum=2), small)
    assert refuse(request(4), small)["limit"] == 1
    assert refuse(request(3, maximum=3), small)["limit"] == 2
