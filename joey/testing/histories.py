"""A network that lives a little: everybody staked, a claim in every session, each of them paid."""

from __future__ import annotations

from joey.adapters.chains.local.chain import LocalChain
from joey.core.protocol.windows import compute_claim_window
from joey.core.units import Height
from joey.core.wire.messages import CreateClaim
from joey.testing.settlements import make_root
from joey.testing.worlds import World, make_key

__all__ = ["play_chain", "read_hashes"]

_FIRST_SESSION = 9
_BLOCKS_TO_CLAIM = 12


async def play_chain(chain: LocalChain, world: World, *, until: int) -> None:
    """Stake, claim and settle until a height, on an instant chain with the minimal windows.

    May be called again to go on: the same heights always bring the same.
    """
    if await chain.service(world.service.id) is None:
        await world.stake(chain.submit)
    head = await chain.head()
    while head.height < until:
        start = head.height - _BLOCKS_TO_CLAIM
        if start >= _FIRST_SESSION and start % 4 == 1:
            await _claim_session(chain, world, Height(start))
        else:
            await chain.make_block()
        head = await chain.head()


async def _claim_session(chain: LocalChain, world: World, start: Height) -> None:
    session = await chain.session(make_key(world.application).address, world.service.id, start)
    assert session is not None
    end = session.header.height_end
    window = compute_claim_window(end, (await chain.params_at(end)).shared)
    assert (await chain.head()).height + 1 in window, "the windows are those of the minimal parameters"
    supplier = make_key(world.suppliers[0])
    root = make_root(world.service.compute_units_per_relay, start)
    await chain.submit([CreateClaim(supplier.address, session.header, root)], supplier)


async def read_hashes(chain: LocalChain, until: int) -> list[bytes]:
    """Return the hash of every block from the first one up to a height."""
    hashes = []
    for height in range(1, until + 1):
        block = await chain.block(Height(height))
        assert block is not None
        hashes.append(block.hash)
    return hashes
