"""Admit or refuse by an offer's limits: one function, one verdict, at gateway and node."""

from __future__ import annotations

from joey.core.errors import LimitExceeded
from joey.core.offers.offer import ServiceOffer
from joey.core.openai.requests import ModelRequest

__all__ = ["check_request", "count_tokens_in", "count_tokens_out"]


def count_tokens_in(request: ModelRequest, offer: ServiceOffer) -> int:
    """Return the tokens in, by the offer's own rule.

    The bytes of all text divided by `bytes_per_token`, rounded up, but at least one for each
    message or prompt; and one for each token id.
    """
    text = -(-request.messages_text_bytes // offer.counting.bytes_per_token)
    return max(text + request.token_ids, request.inputs)


def count_tokens_out(request: ModelRequest, offer: ServiceOffer) -> int:
    """Return the most tokens the answer may have: every choice counts, without a maximum the offer's."""
    maximum = request.tokens_out_max_requested
    return (offer.limits.tokens_out_max if maximum is None else maximum) * request.choices


def check_request(request: ModelRequest, offer: ServiceOffer) -> None:
    """Return nothing for a request within the limits.

    Raises `LimitExceeded` with `param`, `limit` and `actual`; nothing is ever trimmed to fit.
    """
    tokens_in, tokens_in_max = count_tokens_in(request, offer), offer.limits.tokens_in_max
    if tokens_in > tokens_in_max:
        raise LimitExceeded(
            f"this model takes at most {tokens_in_max} tokens in, your request has {tokens_in} "
            f"({offer.counting.bytes_per_token} bytes of text count as one token)",
            param=request.text_param,
            limit=tokens_in_max,
            actual=tokens_in,
        )
    tokens_out, tokens_out_max = count_tokens_out(request, offer), offer.limits.tokens_out_max
    if tokens_out > tokens_out_max:
        one = tokens_out // request.choices
        each = "" if request.choices == 1 else f" ({request.choices} choices of {one})"
        raise LimitExceeded(
            f"this model gives at most {tokens_out_max} tokens out, your request asks for {tokens_out}{each}",
            param=request.tokens_out_param if one > tokens_out_max or request.choices == 1 else "n",
            limit=tokens_out_max,
            actual=tokens_out,
        )
