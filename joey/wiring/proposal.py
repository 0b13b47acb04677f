"""What is about to be sent to a chain: messages, what they change and when, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from joey.core.errors import ConfigError
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.params import NetworkParams, format_decimal
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message
from joey.ports.chain import Chain

__all__ = ["Change", "Cost", "Due", "Proposal", "find_due", "format_exact", "refuse_field"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that will be otherwise. `height`: the first block or session that goes by it.

    An amount is a whole number of upokt, everything else is text; `None` is no amount at all.
    """

    what: str
    before: str | Upokt | None
    after: str | Upokt | None
    height: Height

    @property
    def is_amount(self) -> bool:
        """Tell whether money changes."""
        return not isinstance(self.before, str) and not isinstance(self.after, str)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the signer pays besides the transaction's fee; negative: what the signer gets."""

    name: str
    amount: Upokt


@dataclass(frozen=True, slots=True)
class Proposal:
    """A transaction that is not sent yet. Without messages there is nothing to do."""

    title: str
    messages: tuple[Message, ...] = ()
    changes: tuple[Change, ...] = ()
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def cost(self) -> Upokt:
        """The sum of the costs."""
        return Upokt(sum(cost.amount for cost in self.costs))


@dataclass(frozen=True, slots=True)
class Due:
    """When a transaction sent now takes effect at the earliest, and the parameters it meets there.

    `block`: the next block; `session`: the first of the session after the one that block is in.
    """

    block: Height
    session: Height
    live: NetworkParams


async def find_due(chain: Chain) -> Due:
    """Return when a transaction sent now takes effect."""
    head = await chain.head()
    block = Height(head.height + 1)
    shared = (await chain.params_at(block)).shared
    return Due(block, compute_next_session_start(block, shared), await chain.live_params())


def refuse_field(field: str, text: str) -> ConfigError:
    """Return what to raise for a field of a file that the chain would refuse, with the fix."""
    return ConfigError(f"{field}: {text}", key=field)


def format_exact(value: Fraction) -> str:
    """Return a number as its decimal text, or as a fraction where no decimal is exact."""
    try:
        return format_decimal(value)
    except ValueError:
        return str(value)
