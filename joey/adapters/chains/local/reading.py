"""The questions of `joey.ports.chain.Chain` that a state answers, at any height."""

from __future__ import annotations

from abc import ABC, abstractmethod

from joey.core.errors import ChainUnavailable
from joey.core.protocol.bank import read_totals
from joey.core.protocol.claims import Claim
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.queries import (
    compute_units_at,
    difficulty_target_at,
    live_params,
    params_at,
    session_at,
    supplier_at,
)
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.state import State, claim_key, height_key
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import Application, Gateway, Service, Session, Supplier
from joey.ports.chain import Block

__all__ = ["StateReader"]

_NOW = Height(0)
_RECENT_SESSIONS = 4096


class StateReader(ABC):
    """Answers from states. Where a method takes a `height`, 0 is the newest.

    Raises `ChainUnavailable` for a height that is ahead of the chain, or no longer kept.
    """

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str, Height], Session | None] = {}
        self._sessions_head: Block | None = None

    @abstractmethod
    async def state_at(self, height: Height = _NOW) -> tuple[State, Block]:
        """Return the state after the block at `height`, and that block. It never changes: read only."""

    # --- parameters and prices ---

    async def params_at(self, height: Height) -> NetworkParams:
        """Return the parameters that sessions go by at `height`."""
        state, _ = await self.state_at()
        return params_at(state, height)

    async def live_params(self, height: Height = _NOW) -> NetworkParams:
        """Return the parameters that the block after `height` executes with."""
        state, _ = await self.state_at(height)
        return live_params(state)

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay for a session that starts at a height."""
        state, _ = await self.state_at()
        return compute_units_at(state, service_id, height)

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return the 32-byte relay mining target of a service for a session that starts at a height."""
        state, _ = await self.state_at()
        return difficulty_target_at(state, service_id, height)

    # --- sessions ---

    async def session(self, application: str, service: str, height: Height = _NOW) -> Session | None:
        """Return the session of an application at a height (0: now).

        `None` when the application is not staked for the service at that height, or when nobody
        offers it. A session that was settled long ago is told as it was at that height.
        """
        state, head = await self.state_at()
        at = height or head.height
        if at > head.height:
            raise ChainUnavailable(f"height {at} is ahead of the chain, which is at {head.height}", height=at)
        start = compute_session_start(at, params_at(state, at).shared)
        if head is not self._sessions_head or len(self._sessions) >= _RECENT_SESSIONS:
            # What applications and suppliers are may have changed.
            self._sessions.clear()
            self._sessions_head = head
        key = (application, service, start)
        if key in self._sessions:
            return self._sessions[key]
        if start != head.height and state.block_hashes.get(height_key(start)) is None:
            past, block = await self.state_at(at)
            return session_at(past, application, service, at, head=(block.height, block.hash))
        found = session_at(state, application, service, at, head=(head.height, head.hash))
        self._sessions[key] = found
        return found

    # --- what is staked ---

    async def application(self, address: str, height: Height = _NOW) -> Application | None:
        """Return a staked application."""
        state, _ = await self.state_at(height)
        return state.applications.get(address)

    async def applications(self, gateway: str = "", height: Height = _NOW) -> tuple[Application, ...]:
        """Return all applications by address, or those that delegate to a gateway."""
        state, _ = await self.state_at(height)
        return tuple(
            application
            for _, application in state.applications.items()
            if not gateway or gateway in application.delegated_gateways
        )

    async def gateway(self, address: str, height: Height = _NOW) -> Gateway | None:
        """Return a staked gateway."""
        state, _ = await self.state_at(height)
        return state.gateways.get(address)

    async def supplier(self, operator_address: str, height: Height = _NOW) -> Supplier | None:
        """Return a staked supplier with the services that it offers at that height."""
        state, block = await self.state_at(height)
        supplier = state.suppliers.get(operator_address)
        return None if supplier is None else supplier_at(supplier, block.height)

    async def suppliers(self, service_id: str = "", height: Height = _NOW) -> tuple[Supplier, ...]:
        """Return all suppliers by operator address, or those that offer a service at that height."""
        state, block = await self.state_at(height)
        suppliers = (supplier_at(supplier, block.height) for _, supplier in state.suppliers.items())
        return tuple(
            supplier
            for supplier in suppliers
            if not service_id or any(config.service_id == service_id for config in supplier.services)
        )

    async def service(self, service_id: str, height: Height = _NOW) -> Service | None:
        """Return a service with its card."""
        state, _ = await self.state_at(height)
        return state.services.get(service_id)

    async def services(self, height: Height = _NOW) -> tuple[Service, ...]:
        """Return all services by id."""
        state, _ = await self.state_at(height)
        return tuple(service for _, service in state.services.items())

    # --- accounts ---

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        state, _ = await self.state_at()
        account = state.accounts.get(address)
        return None if account is None else account.public_key

    async def balance(self, address: str, height: Height = _NOW) -> Upokt:
        """Return what an account can spend."""
        state, _ = await self.state_at(height)
        account = state.accounts.get(address)
        return Upokt(0) if account is None else account.balance

    async def supply(self, height: Height = _NOW) -> Upokt:
        """Return all upokt there is: balances, stakes and module accounts."""
        state, _ = await self.state_at(height)
        return read_totals(state).supply

    # --- claims ---

    async def claim(self, session_id: str, supplier: str, height: Height = _NOW) -> Claim | None:
        """Return a claim that is not settled at that height."""
        state, _ = await self.state_at(height)
        return state.claims.get(claim_key(session_id, supplier))

    async def claims(
        self,
        *,
        session_id: str = "",
        supplier: str = "",
        height_session_end: Height = _NOW,
        height: Height = _NOW,
    ) -> tuple[Claim, ...]:
        """Return the claims that are not settled, by session and supplier; all, or those asked for."""
        state, _ = await self.state_at(height)
        return tuple(
            claim
            for _, claim in state.claims.items()
            if (not session_id or claim.header.session_id == session_id)
            and (not supplier or claim.supplier_address == supplier)
            and (not height_session_end or claim.header.height_end == height_session_end)
        )
