"""Sessions to claims: folds each session when its window opens, claims it, and waits for settlement.

The record of a claim goes through these states, each durable before the next step:

- `due`: the root is decided; it was sent, or is about to be. A restart sends it again, and the chain
  puts an equal claim in place of itself.
- `claimed`: the chain has it.
- `settled`: the chain paid it. The log of the session is dropped, the record stays.
- `lost`: it can never be paid; `note` says why. The log of the session is dropped.

A relay that was on its way into the log while its session was folded changes the session's count;
the session is then folded and claimed once more, as long as the window is open.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import anyio

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, TransactionRejected, WindowClosed
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import ComputeUnits, Height
from joey.core.wire.messages import CreateClaim
from joey.node.head import Head
from joey.node.miner import FoldedSession, compute_claim_start, fold_session
from joey.ports.chain import Chain
from joey.ports.stores import ClaimRecord, Claims, LoggedSession, RelayLog

__all__ = ["Claimer"]

_log = logging.getLogger("joey.node")

Key = tuple[str, str]

_NOTHING = FoldedSession(bytes(48), 0, ComputeUnits(0))


class Claimer:
    """Claims for the suppliers whose keys it has, by operator address."""

    def __init__(
        self, chain: Chain, head: Head, log: RelayLog, claims: Claims, keys: Mapping[str, PrivateKey]
    ) -> None:
        self._chain = chain
        self._head = head
        self._relay_log = log
        self._claims = claims
        self._keys = keys
        self._claimed_relays: dict[Key, int] = {}
        self._height_done = Height(0)
        self._progress = anyio.Event()

    async def run(self) -> None:
        """Work block by block until cancelled; what fails is tried again at the next one."""
        height = Height(0)
        while True:
            height = await self._head.wait_beyond(height)
            try:
                await self.advance(height)
            except OSError as error:
                _log.error("claims wait, the node's store fails: %s", error)
            except ChainUnavailable as error:
                _log.warning("claims wait, the chain does not answer: %s", error)
            self._height_done = height
            self._progress.set()
            self._progress = anyio.Event()

    async def wait_done(self, height: Height) -> None:
        """Return once all that was due at `height` has been tried."""
        while self._height_done < height:
            await self._progress.wait()

    async def advance(self, height: Height) -> None:
        """Do for every session in the log what is due at `height`, the newest block's.

        Raises `OSError` when the store fails and `ChainUnavailable`.
        """
        due: list[tuple[LoggedSession, SharedParams]] = []
        for logged in await self._relay_log.sessions():
            if logged.header.height_end < height:
                due.append((logged, (await self._chain.params_at(logged.header.height_end)).shared))
        # A transaction is waited for until it is in a block: side by side, they share one.
        async with anyio.create_task_group() as tasks:
            for logged, shared in due:
                if height >= compute_claim_start(logged.header.height_end, shared):
                    tasks.start_soon(self._advance_quietly, logged, shared, height)

    async def _advance_quietly(self, logged: LoggedSession, shared: SharedParams, height: Height) -> None:
        """Let one session wait that fails, without holding up the others."""
        try:
            await self._advance_session(logged, shared, height)
        except (OSError, ChainUnavailable) as error:
            _log.error("session %s waits: %s", logged.header.session_id, error)

    async def _advance_session(self, logged: LoggedSession, shared: SharedParams, height: Height) -> None:
        header, supplier = logged.header, logged.supplier_address
        record = await self._claims.get(header.session_id, supplier)
        window = compute_claim_window(header.height_end, shared)
        if height >= compute_settlement_height(header.height_end, shared):
            await self._settle(logged, record, shared)
        elif height < window.close:  # what is sent now lands in the next block, in the window still
            if self._claimed_relays.get(_key(logged)) != logged.relays:
                await self._claim(logged, record)
        elif record is None or record.state == "due":
            await self._catch_up(logged, record, window.close)

    async def _claim(self, logged: LoggedSession, record: ClaimRecord | None) -> None:
        header, supplier = logged.header, logged.supplier_address
        key = self._keys.get(supplier)
        if key is None:
            _log.error("session %s waits: the key of %s is not here", header.session_id, supplier)
            return
        folded = await fold_session(self._chain, self._relay_log, header, supplier)
        if folded is None:
            await self._lose(logged, record, "no relay was below the difficulty target")
            return
        if record is None or record.state != "claimed" or record.root != folded.root:
            due = ClaimRecord(header, supplier, folded.root, folded.relays, folded.compute_units, "due")
            await self._claims.save(due)
            try:
                result = await self._chain.submit([CreateClaim(supplier, header, folded.root)], signer=key)
            except TransactionRejected as error:
                _log.error("the chain refused the claim of session %s: %s", header.session_id, error)
                return
            await self._claims.save(replace(due, state="claimed", tx_hash=result.hash, height=result.height))
            _log.info("claimed %d relays of session %s", folded.relays, header.session_id)
        self._claimed_relays[_key(logged)] = logged.relays

    async def _catch_up(self, logged: LoggedSession, record: ClaimRecord | None, close: Height) -> None:
        """The window has closed without a word that the chain has the claim: ask, before it is lost."""
        if record is not None and await self._chain.claim(record.header.session_id, record.supplier_address):
            await self._claims.save(replace(record, state="claimed"))
            return
        closed = WindowClosed(f"the claim window closed at height {close}", height=close)
        await self._lose(logged, record, str(closed))

    async def _settle(self, logged: LoggedSession, record: ClaimRecord | None, shared: SharedParams) -> None:
        height = compute_settlement_height(logged.header.height_end, shared)
        for event in await self._chain.events(height):
            if not isinstance(event, ClaimSettled | ClaimExpired | ClaimDiscarded):
                continue
            if (event.header.session_id, event.supplier_address) != _key(logged):
                continue
            if isinstance(event, ClaimSettled):
                await self._keep_settled(logged, record, event, height)
            elif isinstance(event, ClaimExpired):
                await self._lose(logged, record, f"the claim expired: {event.reason}")
            else:
                await self._lose(logged, record, f"the chain discarded the claim: {event.error}")
            return
        await self._lose(logged, record, f"the chain settled no claim of it at height {height}")

    async def _keep_settled(
        self, logged: LoggedSession, record: ClaimRecord | None, event: ClaimSettled, height: Height
    ) -> None:
        record = record or _make_record(logged)
        note = f"{event.settled} upokt of {event.claimed} claimed"
        await self._claims.save(replace(record, state="settled", note=note))
        await self._forget(logged)
        _log.info("session %s was settled at height %d: %s", logged.header.session_id, height, note)

    async def _lose(self, logged: LoggedSession, record: ClaimRecord | None, note: str) -> None:
        _log.error(
            "LOST: %d relays of session %s, supplier %s, service %s: %s",
            logged.relays,
            logged.header.session_id,
            logged.supplier_address,
            logged.header.service_id,
            note,
        )
        await self._claims.save(replace(record or _make_record(logged), state="lost", note=note))
        await self._forget(logged)

    async def _forget(self, logged: LoggedSession) -> None:
        await self._relay_log.forget(*_key(logged))
        self._claimed_relays.pop(_key(logged), None)


def _key(logged: LoggedSession) -> Key:
    return logged.header.session_id, logged.supplier_address


def _make_record(logged: LoggedSession) -> ClaimRecord:
    """Return a record of a session that this node never folded."""
    return ClaimRecord(
        logged.header,
        logged.supplier_address,
        _NOTHING.root,
        _NOTHING.relays,
        _NOTHING.compute_units,
        state="due",
    )
