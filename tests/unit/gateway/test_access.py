from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from joey.adapters.entropy import SystemEntropy
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants
from joey.core.errors import NotAuthenticated
from joey.gateway.access import Access, hash_api_key, make_api_key
from joey.ports.stores import Tenant

pytestmark = pytest.mark.anyio

ACME = Tenant("acme", "portal")


@pytest.fixture
def tenants() -> Iterator[SqliteTenants]:
    database = Database(None, PORTAL_MIGRATIONS)
    yield SqliteTenants(database)
    database.close()


async def test_a_key_names_its_tenant(tenants: SqliteTenants) -> None:
    key = make_api_key(SystemEntropy())
    await tenants.add(ACME, hash_api_key(key))
    access = Access(tenants)
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert await access.authenticate({"authorization": f"{scheme} {key}"}) == ACME
    assert await access.authenticate({"authorization": f"Bearer   {key} "}) == ACME


def test_keys_are_new_each_time_and_kept_as_a_hash() -> None:
    keys = {make_api_key(SystemEntropy()) for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("sk-joey-") and len(key) == 51 for key in keys)
    assert hash_api_key("sk-joey-1") == sha256(b"sk-joey-1").digest()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic right"},
        {"authorization": "right"},
        {"authorization": "Bearer right, Bearer right"},
        {"authorization": "Bearer rïght"},
        {"authorization": "Bearer " + "x" * 513},
        {"x-api-key": "right"},
    ],
)
async def test_whatever_is_wrong_the_refusal_is_the_same(
    tenants: SqliteTenants, headers: dict[str, str]
) -> None:
    await tenants.add(ACME, hash_api_key("right"))
    with pytest.raises(NotAuthenticated, match="send yours as the header 'Authorization: Bearer") as caught:
        await Access(tenants).authenticate(headers)
    with pytest.raises(NotAuthenticated) as other:
        await Access(tenants).authenticate({})
    assert caught.value.message == other.value.message


class Counted:
    """Tenants that count how often they are asked for."""

    def __init__(self, tenants: SqliteTenants) -> None:
        self._tenants = tenants
        self.found = 0

    async def find(self, key_hash: bytes) -> Tenant | None:
        self.found += 1
        return await self._tenants.find(key_hash)

    async def add(self, tenant: Tenant, key_hash: bytes) -> None:
        await self._tenants.add(tenant, key_hash)


async def test_a_known_key_is_not_looked_up_again(tenants: SqliteTenants) -> None:
    await tenants.add(ACME, hash_api_key("right"))
    counted = Counted(tenants)
    access = Access(counted)
    for _ in range(3):
        await access.authenticate({"authorization": "Bearer right"})
    assert counted.found == 1
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await access.authenticate({"authorization": "Bearer wrong"})
    assert counted.found == 3


async def test_a_known_key_is_looked_up_again_after_half_a_minute(
    tenants: SqliteTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("joey.gateway.access.now", lambda: clock[0])
    await tenants.add(ACME, hash_api_key("right"))
    counted = Counted(tenants)
    access = Access(counted)
    for instant, found in ((1000.0, 1), (1029.9, 1), (1030.0, 2), (1059.9, 2), (1060.0, 3)):
        clock[0] = instant
        assert await access.authenticate({"authorization": "Bearer right"}) == ACME
        assert counted.found == found, instant
