"""The session grid, ids, the draw, and who may have a session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.protocol.params import MAINNET, MINIMAL, SharedParams
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_id,
    compute_session_number,
    compute_session_start,
    compute_supplier_weight,
    draw_suppliers,
    hydrate_session,
    is_application_active,
    is_config_active,
    is_service_id,
)
from joey.core.units import Height, Upokt
from joey.core.wire.session import (
    Application,
    ServiceConfig,
    ServiceConfigUpdate,
    Session,
    Supplier,
    SupplierEndpoint,
)

CONFIG = ServiceConfig("svc", (SupplierEndpoint("http://127.0.0.1:1"),))


def update(address: str, activation: int = 1, deactivation: int = 0) -> ServiceConfigUpdate:
    return ServiceConfigUpdate(address, CONFIG, Height(activation), Height(deactivation))


@pytest.mark.parametrize("shared", [MINIMAL.shared, MAINNET.shared], ids=["minimal", "mainnet"])
def test_the_grid_covers_every_height_once(shared: SharedParams) -> None:
    for anchor, number in ((0, 0), (1, 1), (9, 5), (7, 0)):
        grid = replace(shared, session_grid_anchor_height=anchor, session_number_at_anchor=number)
        first = max(anchor, 1)
        previous = None
        for height in range(first, first + 3 * shared.num_blocks_per_session):
            start, end = (
                compute_session_start(Height(height), grid),
                compute_session_end(Height(height), grid),
            )
            assert start <= height <= end
            assert end - start + 1 == shared.num_blocks_per_session
            session = compute_session_number(Height(height), grid)
            if previous is None:
                assert (start, session) == (first, number or 1)
            elif height == start:
                assert session == previous + 1
            else:
                assert session == previous
            previous = session


def test_before_the_anchor_the_grid_begins_at_one() -> None:
    grid = replace(
        MINIMAL.shared, num_blocks_per_session=4, session_grid_anchor_height=11, session_number_at_anchor=40
    )
    assert compute_session_start(Height(10), grid) == 9
    assert compute_session_number(Height(10), grid) == 3
    assert compute_session_start(Height(11), grid) == 11
    assert compute_session_number(Height(15), grid) == 41


@pytest.mark.parametrize("height", [0, -5])
def test_there_is_no_session_before_the_first_block(height: int) -> None:
    for compute in (compute_session_start, compute_session_end, compute_session_number):
        assert compute(Height(height), MINIMAL.shared) == 0


@pytest.mark.parametrize(
    ("service", "start", "block_hash", "session_id"),
    [
        (
            "svc1",
            1,
            "1b1051b7bf236fea13efa65b6be678514fa5b6ea0ae9a7a4b68d45f95e4f18e0",
            "afd00273055a4fddc0beb30074e14d474c07f9e895d2795db006a5139048d54b",
        ),
        (
            "svc1",
            5,
            "261594ddc3c8afc5b4c63f59ee58e89d3a115bcd164c83fd79349de0b1ffd21d",
            "e161348f2153bb41092040c3c287596f8daf98e90986475be21412a1ded945ed",
        ),
        (
            "svc12",
            5,
            "261594ddc3c8afc5b4c63f59ee58e89d3a115bcd164c83fd79349de0b1ffd21d",
            "c01eb8924dbb9dae7cab8ed56016ce8fdd2d23542f9e0b7ca8d6972d3fb45ce5",
        ),
        (
            "svc1",
            9,
            "251665c7cf286a30fbd98acd983c63e9a34efc16496511373405e24eb02a8fb9",
            "fea5d6f7544ff6d8af5c22529b2ccf01ed7930b3d454d42dda5ccc0b65b6ebfd",
        ),
    ],
)
def test_published_session_ids(service: str, start: int, block_hash: str, session_id: str) -> None:
    application = "pokt1mdccn4u38eyjdxkk4h0jaddw4n3c72u82m5m9e"
    preimage, computed = compute_session_id(bytes.fromhex(block_hash), service, application, Height(start))
    assert computed == session_id
    assert preimage.endswith(b"." + start.to_bytes(8, "little"))


def test_the_draw_is_by_signed_weight() -> None:
    preimage = b"preimage"
    names = [f"pokt1{number}" for number in range(40)]
    weights = {name: compute_supplier_weight(preimage, name) for name in names}
    assert min(weights.values()) < 0 < max(weights.values())
    drawn = draw_suppliers(preimage, Height(5), [update(name) for name in names], 10)
    assert drawn == tuple(sorted(names, key=weights.__getitem__)[:10])


def test_when_all_are_drawn_they_come_as_stored() -> None:
    updates = [update("b", 3), update("z", 1), update("a", 3), update("c", 2)]
    assert draw_suppliers(b"p", Height(5), updates, 5) == ("z", "c", "a", "b")
    by_weight = tuple(sorted("abcz", key=lambda name: compute_supplier_weight(b"p", name)))
    assert draw_suppliers(b"p", Height(5), updates, 4) == by_weight
    assert draw_suppliers(b"p", Height(5), [], 5) == ()


@pytest.mark.parametrize(
    ("activation", "deactivation", "active"), [(5, 0, True), (6, 0, False), (1, 6, True), (1, 5, False)]
)
def test_activity(activation: int, deactivation: int, active: bool) -> None:
    assert is_config_active(update("a", activation, deactivation), Height(5)) is active
    assert bool(draw_suppliers(b"p", Height(5), [update("a", activation, deactivation)], 1)) is active


@pytest.mark.parametrize(
    ("text", "valid"),
    [("svc", True), ("a-B_9", True), ("x" * 42, True), ("x" * 43, False), ("", False), ("a b", False),
     ("svc\n", False), ("ü", False)],
)  # fmt: skip
def test_service_ids(text: str, valid: bool) -> None:
    assert is_service_id(text) is valid


APPLICATION = Application("pokt1app", Upokt(1), "svc")
SUPPLIERS = [
    Supplier("owner", name, Upokt(1), services=(CONFIG,), config_history=(update(name),)) for name in "abc"
]


def hydrate(**changes: object) -> Session:
    arguments: dict[str, object] = {
        "application": APPLICATION,
        "service_id": "svc",
        "height": Height(6),
        "height_head": Height(6),
        "block_hash": bytes(32),
        "suppliers": SUPPLIERS,
        "shared": MINIMAL.shared,
        "count": 2,
    }
    return hydrate_session(**{**arguments, **changes})  # type: ignore[arg-type]


def test_a_session() -> None:
    session = hydrate()
    preimage, session_id = compute_session_id(bytes(32), "svc", "pokt1app", Height(5))
    assert (session.header.session_id, session.header.height_start, session.header.height_end) == (
        session_id,
        5,
        8,
    )
    assert (session.number, session.blocks_per_session) == (2, MINIMAL.shared.num_blocks_per_session)
    assert tuple(supplier.operator_address for supplier in session.suppliers) == draw_suppliers(
        preimage, Height(6), [update(name) for name in "abc"], 2
    )
    assert all(supplier.config_history == () for supplier in session.suppliers)


def test_a_supplier_comes_with_the_config_that_is_active() -> None:
    old, new = CONFIG, ServiceConfig("svc", (SupplierEndpoint("http://127.0.0.1:2"),))
    other = ServiceConfig("other", ())
    history = (
        ServiceConfigUpdate("a", old, Height(1), Height(5)),
        ServiceConfigUpdate("a", new, Height(5)),
        ServiceConfigUpdate("a", other, Height(1)),
    )
    supplier = Supplier("owner", "a", Upokt(1), (old, new, other), config_history=history)
    assert hydrate(suppliers=[supplier]).suppliers[0].services == (new,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service_id": "s v c"}, "cannot be a service id"),
        ({"height": Height(7)}, "ahead of the newest block, 6"),
        ({"application": None}, "no such application"),
        ({"application": replace(APPLICATION, service_id="other")}, "not staked for service svc"),
        ({"application": replace(APPLICATION, unstake_session_end_height=Height(7))}, "unstaked by height 8"),
        ({"suppliers": []}, "no supplier offers service svc at height 6"),
    ],
)
def test_no_session(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        hydrate(**changes)


def test_an_application_may_finish_its_last_session() -> None:
    leaving = replace(APPLICATION, unstake_session_end_height=Height(8))
    assert hydrate(application=leaving).header.height_end == 8
    assert is_application_active(leaving, Height(8))
    assert not is_application_active(leaving, Height(9))
    assert is_application_active(APPLICATION, Height(10**9))
