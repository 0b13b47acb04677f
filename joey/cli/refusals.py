"""What a chain says when it refuses a transaction, for people: its description, and what mends it."""

from __future__ import annotations

import re
from fractions import Fraction

from joey.core.errors import TransactionRejected
from joey.core.protocol.params import format_decimal
from joey.core.units import round_up
from joey.ports.chain import Fee

__all__ = ["describe_log", "explain_refusal"]

_INSUFFICIENT_FEE = ("sdk", 13)
"""Source: cosmos-sdk types/errors/errors.go, ErrInsufficientFee."""

_WRAPPING = re.compile(
    r"^.*(?:rpc error: code = \w+ desc = |failed to execute message; message index: \d+: )", re.S
)
_GAS_NOTE = re.compile(r"(:? \[[^\]]*@v[^\]]*\])?:? with gas used: '?\d+'?.*$", re.S)
_REQUIRED = re.compile(r"required: (\d{1,30})upokt")
_DIGITS = 3


def describe_log(log: str) -> str:
    """Return what a handler said, without the layers that it was handed through."""
    return _GAS_NOTE.sub("", _WRAPPING.sub("", log)).strip() or log


def explain_refusal(refused: TransactionRejected, fee: Fee | None) -> TransactionRejected:
    """Return a refusal as a person reads it, its fields as they are; `fee` is what was offered."""
    text = describe_log(refused.message)
    pair = (refused.fields.get("codespace"), refused.fields.get("tx_code"))
    if pair == _INSUFFICIENT_FEE:
        text = _explain_fee(text, fee)
    return TransactionRejected(text, **refused.fields)


def _explain_fee(text: str, fee: Fee | None) -> str:
    required = _REQUIRED.search(text)
    if required is None or fee is None or not fee.gas:
        return f"{text}; offer more: a higher --gas-price, or chain.gas_price_upokt"
    price = _round_price(Fraction(int(required[1]), fee.gas))
    return (
        f"the fee of {fee.amount} upokt is too small, the full node asks for {required[1]} upokt:"
        f" offer more: --gas-price {price} or chain.gas_price_upokt"
    )


def _round_price(price: Fraction) -> str:
    """Return the least decimal of a few digits that is not below a price."""
    scale = 0
    while price and price * 10**scale < 10 ** (_DIGITS - 1):
        scale += 1
    return format_decimal(Fraction(round_up(price * 10**scale), 10**scale))
