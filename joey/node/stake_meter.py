"""What an application can still pay a supplier in a session, counted in relays.

Each relay is charged before it is served and given back when it comes to nothing, so that many
relays at once cannot spend the same upokt twice. Nothing here waits: what is checked and what is
counted happen in one step of the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.errors import StakeExhausted
from joey.core.units import Height
from joey.core.wire.session import SessionHeader

__all__ = ["Reservation", "StakeMeter"]


@dataclass(slots=True)
class _Account:
    height_end: Height
    relays: int = 0


class Reservation:
    """One relay that was charged. It is given back unless it was kept first; both happen once."""

    def __init__(self, account: _Account) -> None:
        self._account: _Account | None = account

    def keep(self) -> None:
        """The relay is on record and will be claimed."""
        self._account = None

    def release(self) -> bool:
        """The relay came to nothing. Tell whether it was given back now; after `keep` it is not."""
        if self._account is None:
            return False
        self._account.relays -= 1
        self._account = None
        return True


class StakeMeter:
    """Counts relays per session and supplier. A session names its application and service."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], _Account] = {}

    def check(self, header: SessionHeader, supplier_address: str, relays_max: int | None) -> None:
        """Raise `StakeExhausted` unless one more of `relays_max` (`None`: free of charge) is left."""
        used = self.count(header, supplier_address)
        if relays_max is not None and used >= relays_max:
            raise StakeExhausted(
                f"the application's stake pays for {relays_max} relays of this supplier in this session, "
                "all of which are used",
                session_id=header.session_id,
                relays_max=relays_max,
            )

    def reserve(self, header: SessionHeader, supplier_address: str, relays_max: int | None) -> Reservation:
        """Charge one relay. Raises `StakeExhausted` as `check` does."""
        self.check(header, supplier_address, relays_max)
        account = self._find(header, supplier_address)
        account.relays += 1
        return Reservation(account)

    def restore(self, header: SessionHeader, supplier_address: str, relays: int) -> None:
        """Charge what the relay log shows to have been served before a restart."""
        self._find(header, supplier_address).relays += relays

    def count(self, header: SessionHeader, supplier_address: str) -> int:
        """Return the relays charged: being served, or served."""
        account = self._accounts.get((header.session_id, supplier_address))
        return 0 if account is None else account.relays

    def forget_ended(self, height_end: Height) -> None:
        """Drop the sessions that ended before a height: none of their relays is admitted any more."""
        self._accounts = {key: kept for key, kept in self._accounts.items() if kept.height_end >= height_end}

    def _find(self, header: SessionHeader, supplier_address: str) -> _Account:
        key = (header.session_id, supplier_address)
        return self._accounts.setdefault(key, _Account(header.height_end))
