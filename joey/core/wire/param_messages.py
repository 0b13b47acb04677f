"""What the authority over parameters asks of the chain: a module's whole set, or one of it.

Every module has these two messages of its own, in one shape. Re-exported by `joey.core.wire.messages`.
Source: MsgUpdateParams and MsgUpdateParam of every pocket module that has parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from joey.core.units import Upokt

__all__ = ["CoinValue", "ParamValue", "SharesValue", "UpdateParam", "UpdateParams"]


@dataclass(frozen=True, slots=True)
class UpdateParams:
    """Replace all parameters of a module, in the name of the authority over them.

    `module` is its name, such as `shared`; `params` are the bytes of its `Params` message, kept as
    they came, so that parameters which we have no name for are not lost.
    """

    authority: str
    module: str
    params: bytes

    @property
    def signer(self) -> str:
        """The authority."""
        return self.authority


@dataclass(frozen=True, slots=True)
class CoinValue:
    """A parameter's value that is an amount."""

    amount: Upokt


@dataclass(frozen=True, slots=True)
class SharesValue:
    """A parameter's value that says how an amount is split. Whether the parts fit is not checked here."""

    dao: Fraction
    proposer: Fraction
    supplier: Fraction
    source_owner: Fraction
    application: Fraction


ParamValue = int | str | bytes | Fraction | CoinValue | SharesValue | None
"""A parameter's value; its type is the network's `as_uint64`, `as_string`, `as_bytes`, `as_float`,
`as_coin` or `as_mint_allocation_percentages`. `None`: the message has none.
"""


@dataclass(frozen=True, slots=True)
class UpdateParam:
    """Replace one parameter of a module, in the name of the authority over it."""

    authority: str
    module: str
    name: str
    value: ParamValue

    @property
    def signer(self) -> str:
        """The authority."""
        return self.authority
