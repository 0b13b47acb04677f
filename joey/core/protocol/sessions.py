"""Sessions: the grid of heights, the session id, the draw of suppliers, and who may have one.

Sources: pocket.shared x/shared/types/session.go, pocket.session x/session/keeper/session_hydrator.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha3_256

from joey.core.protocol.params import SharedParams
from joey.core.units import Height
from joey.core.wire.session import Application, ServiceConfigUpdate, Session, SessionHeader, Supplier

__all__ = [
    "SERVICE_ID_LENGTH_MAX",
    "compute_session_end",
    "compute_session_id",
    "compute_session_number",
    "compute_session_start",
    "compute_supplier_weight",
    "draw_suppliers",
    "hydrate_session",
    "is_application_active",
    "is_config_active",
    "is_service_id",
]

SERVICE_ID_LENGTH_MAX = 42
"""Source: x/shared/types/service.go."""

_SERVICE_ID = re.compile(r"[a-zA-Z0-9_-]+")


def is_service_id(text: str) -> bool:
    """Tell whether a text may name a service: letters, digits, `_` and `-`, at most 42 of them."""
    return len(text) <= SERVICE_ID_LENGTH_MAX and _SERVICE_ID.fullmatch(text) is not None


def compute_session_start(height: Height, shared: SharedParams) -> Height:
    """Return the first height of the session that `height` is in; 0 before the first block.

    `shared` are the parameters at `height`.
    """
    if height <= 0:
        return Height(0)
    anchor, _ = _read_anchor(height, shared)
    return Height(height - (height - anchor) % shared.num_blocks_per_session)


def compute_session_end(height: Height, shared: SharedParams) -> Height:
    """Return the last height of the session that `height` is in; 0 before the first block."""
    if height <= 0:
        return Height(0)
    return Height(compute_session_start(height, shared) + shared.num_blocks_per_session - 1)


def compute_session_number(height: Height, shared: SharedParams) -> int:
    """Return the number of the session that `height` is in, counted from 1; 0 before the first block."""
    if height <= 0:
        return 0
    anchor, number = _read_anchor(height, shared)
    return number + (height - anchor) // shared.num_blocks_per_session


def compute_session_id(
    block_hash: bytes, service_id: str, application_address: str, height_start: Height
) -> tuple[bytes, str]:
    """Return what is hashed to the session id, and the id, 64 lower-case hex digits.

    `block_hash` is the 32-byte hash of the block *at* `height_start`. The draw of suppliers needs
    the preimage, not the id. The height is 8 bytes, little-endian.
    """
    parts = (
        block_hash,
        service_id.encode(),
        application_address.encode(),
        height_start.to_bytes(8, "little", signed=True),
    )
    preimage = b".".join(parts)
    return preimage, sha3_256(preimage).hexdigest()


def compute_supplier_weight(preimage: bytes, operator_address: str) -> int:
    """Return a supplier's place in a session's draw, the least first: a signed 64-bit integer."""
    digest = sha3_256(preimage + b"." + operator_address.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def is_config_active(update: ServiceConfigUpdate, height: Height) -> bool:
    """Tell whether a supplier offers the service of a config at a height."""
    return update.height_activation <= height and (
        update.height_deactivation == 0 or update.height_deactivation > height
    )


def draw_suppliers(
    preimage: bytes, height: Height, updates: Sequence[ServiceConfigUpdate], count: int
) -> tuple[str, ...]:
    """Return the operator addresses drawn for a session, in order.

    `updates` are all configs of the service, of every supplier; those active at `height` take part.
    When there are fewer than `count`, all are drawn, and in the order in which the chain stores
    them, by activation height and address. Otherwise the `count` of least weight are, by weight.
    """
    candidates = [update for update in updates if is_config_active(update, height)]
    if len(candidates) < count:
        candidates.sort(key=lambda update: (update.height_activation, update.operator_address))
        return tuple(update.operator_address for update in candidates)
    addresses = [update.operator_address for update in candidates]
    addresses.sort(key=lambda address: (compute_supplier_weight(preimage, address), address))
    return tuple(addresses[:count])


def is_application_active(application: Application, height_end: Height) -> bool:
    """Tell whether an application may still have a session that ends at a height."""
    unstake = application.unstake_session_end_height
    return unstake == 0 or height_end <= unstake


def hydrate_session(
    application: Application | None,
    service_id: str,
    height: Height,
    *,
    height_head: Height,
    block_hash: bytes,
    suppliers: Iterable[Supplier],
    shared: SharedParams,
    count: int,
) -> Session:
    """Return the session of an application and a service that a height is in.

    `block_hash` is that of the session's first block, `height_head` the newest committed height,
    `suppliers` all that are staked, with their config histories. Each drawn supplier comes with the
    one config that is active and without its history.

    Raises `ValueError` with the reason when there is no such session.
    """
    if not is_service_id(service_id):
        raise ValueError(f"{service_id!r} cannot be a service id")
    if height > height_head:
        raise ValueError(f"height {height} is ahead of the newest block, {height_head}")
    if application is None:
        raise ValueError("no such application")
    if application.service_id != service_id:
        raise ValueError(f"application {application.address} is not staked for service {service_id}")
    start, end = compute_session_start(height, shared), compute_session_end(height, shared)
    if not is_application_active(application, end):
        raise ValueError(f"application {application.address} is unstaked by height {end}")
    preimage, session_id = compute_session_id(block_hash, service_id, application.address, start)

    owners: dict[str, Supplier] = {}
    updates: dict[str, ServiceConfigUpdate] = {}
    for supplier in suppliers:
        for update in supplier.config_history:
            if update.config.service_id == service_id and is_config_active(update, height):
                owners[supplier.operator_address] = supplier
                updates[supplier.operator_address] = update
    drawn = draw_suppliers(preimage, height, tuple(updates.values()), count)
    if not drawn:
        raise ValueError(f"no supplier offers service {service_id} at height {height}")
    return Session(
        header=SessionHeader(application.address, service_id, session_id, start, end),
        number=compute_session_number(height, shared),
        blocks_per_session=shared.num_blocks_per_session,
        application=application,
        suppliers=tuple(
            replace(owners[address], services=(updates[address].config,), config_history=())
            for address in drawn
        ),
    )


def _read_anchor(height: Height, shared: SharedParams) -> tuple[int, int]:
    """Return the height at which the grid was last laid anew, and the number of the session there.

    An anchor that is unset or ahead means that the grid still begins at height 1.
    """
    anchor = shared.session_grid_anchor_height
    if anchor == 0 or anchor > height:
        return 1, 1
    return anchor, shared.session_number_at_anchor or 1
