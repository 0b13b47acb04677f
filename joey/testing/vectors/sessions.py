"""Checks of `sessions.json`: ids and draws, queries that fail, the grid of heights and windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from joey.core.protocol.params import MINIMAL, SharedParams
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_id,
    compute_session_number,
    compute_session_start,
    compute_supplier_weight,
    draw_suppliers,
    hydrate_session,
)
from joey.core.protocol.windows import (
    compute_claim_window,
    compute_grace_end,
    compute_proof_window,
    compute_settlement_height,
)
from joey.core.units import Height, Upokt
from joey.core.wire.codec import decode_session_header, encode_session_header
from joey.core.wire.session import Application, ServiceConfig, ServiceConfigUpdate, SessionHeader, Supplier
from joey.testing.vectors.item import Item, MalformedItem

__all__ = ["GROUPS"]

_GRID_FIELDS = ("num_blocks_per_session", "session_grid_anchor_height", "session_number_at_anchor")
_WINDOW_FIELDS = (
    "grace_period_end_offset_blocks",
    "claim_window_open_offset_blocks",
    "claim_window_close_offset_blocks",
    "proof_window_open_offset_blocks",
    "proof_window_close_offset_blocks",
)


def check_session(item: Item) -> None:
    """Compare a session's grid, id, header bytes, each supplier's weight and the draw."""
    shared = _read_params(item.item("shared_params"), _GRID_FIELDS)
    height = Height(item.integer("block_height"))
    service_id, application = item.text("service_id"), item.text("application_address")
    start, end = compute_session_start(height, shared), compute_session_end(height, shared)
    preimage, session_id = compute_session_id(
        item.octets("session_start_block_hash"), service_id, application, start
    )
    item.expect("session_id_preimage", preimage)
    item.expect("session_id", session_id)
    item.expect("session_number", compute_session_number(height, shared))
    item.expect("session_start_block_height", start)
    item.expect("session_end_block_height", end)
    header = SessionHeader(application, service_id, session_id, start, end)
    item.expect("session_header_bytes", encode_session_header(header))
    item.expect("session_id", decode_session_header(item.octets("session_header_bytes")).session_id)

    updates = [
        ServiceConfigUpdate(
            operator_address=config.text("operator_address"),
            config=ServiceConfig(service_id, ()),
            height_activation=Height(config.integer("activation_height")),
            height_deactivation=Height(config.integer("deactivation_height")),
        )
        for config in item.items("supplier_service_configs")
    ]
    for weight in item.items("supplier_weights"):
        weight.expect("weight_int64", compute_supplier_weight(preimage, weight.text("operator_address")))
    count = item.integer("num_suppliers_per_session")
    item.expect("selected_suppliers", draw_suppliers(preimage, height, updates, count))
    # The order in which a caller lists the suppliers must not matter.
    item.expect("selected_suppliers", draw_suppliers(preimage, height, updates[::-1], count))


def check_failing_query(item: Item) -> None:
    """Rebuild the query that the note describes, and compare that it fails.

    The file gives the note, the service and the height. All else stands here as it would for a query
    that succeeds, which is checked too: the failure must be the note's doing.
    """
    note, service_id = item.text("note"), item.text("service_id")
    height = Height(item.integer("block_height"))
    sound = _Query(service_id="svc", height=Height(50))
    if "service id" in note:
        query = replace(sound, service_id=service_id, staked_for=service_id)
    elif "ahead" in note:
        query = replace(sound, height=height, height_head=_find_number(note))
    elif "unknown application" in note:
        query = replace(sound, height=height, service_id=service_id, staked_for=None)
    elif "not staked" in note:
        query = replace(sound, height=height, service_id=service_id)
    elif "no suppliers" in note:
        query = replace(sound, height=height, service_id=service_id, staked_for=service_id, served=False)
    elif "unbonded at" in note:
        query = replace(
            sound, height=height, service_id=service_id, staked_for=service_id, unstaked=_find_number(note)
        )
    else:
        raise MalformedItem(f"the note describes no query that we can rebuild: {note}")
    item.expect_presence("error", not query.succeeds())
    if not sound.succeeds():
        raise MalformedItem("a sound query fails as well")


def check_grid(item: Item) -> None:
    """Compare every height that follows from a height and the parameters."""
    shared = _read_params(item.item("params"), _GRID_FIELDS + _WINDOW_FIELDS)
    height = Height(item.integer("block_height"))
    end = compute_session_end(height, shared)
    claims, proofs = compute_claim_window(end, shared), compute_proof_window(end, shared)
    item.expect("session_start_height", compute_session_start(height, shared))
    item.expect("session_end_height", end)
    item.expect("session_number", compute_session_number(height, shared))
    item.expect("next_session_start_height", end + 1)
    item.expect("grace_period_end_height", compute_grace_end(end, shared))
    item.expect("claim_window_open_height", claims[0])
    item.expect("claim_window_close_height", claims[1])
    item.expect("proof_window_open_height", proofs[0])
    item.expect("proof_window_close_height", proofs[1])
    item.expect("earliest_supplier_claim_commit_height", claims[0])
    item.expect("earliest_supplier_proof_commit_height", proofs[0])
    item.expect("settlement_session_end_height", compute_settlement_height(end, shared))


@dataclass(frozen=True, slots=True)
class _Query:
    """A query for a session on a chain of one application and one supplier.

    `staked_for` is `None` where there is no application; `unstaked` is 0 while it stays.
    """

    service_id: str
    height: Height
    height_head: int = 100
    staked_for: str | None = "svc"
    unstaked: int = 0
    served: bool = True

    def succeeds(self) -> bool:
        """Tell whether the chain would answer with a session."""
        application = None
        if self.staked_for is not None:
            application = Application(
                "application", Upokt(1), self.staked_for, unstake_session_end_height=Height(self.unstaked)
            )
        update = ServiceConfigUpdate("supplier", ServiceConfig(self.service_id, ()), Height(1))
        supplier = Supplier("owner", "supplier", Upokt(1), config_history=(update,) if self.served else ())
        try:
            hydrate_session(
                application,
                self.service_id,
                self.height,
                height_head=Height(self.height_head),
                block_hash=bytes(32),
                suppliers=[supplier],
                shared=replace(MINIMAL.shared, num_blocks_per_session=10),
                count=15,
            )
        except ValueError:
            return False
        return True


def _find_number(note: str) -> int:
    found = re.search(r"\d+", note)
    if found is None:
        raise MalformedItem(f"the note names no height: {note}")
    return int(found.group())


def _read_params(item: Item, names: tuple[str, ...]) -> SharedParams:
    """Return shared parameters of which the named ones are the item's."""
    values: dict[str, Any] = {name: item.integer(name) for name in names}
    return replace(MINIMAL.shared, **values)


GROUPS: Mapping[str, Callable[[Item], None]] = {
    "sessions": check_session,
    "errors": check_failing_query,
    "session_grid": check_grid,
}
