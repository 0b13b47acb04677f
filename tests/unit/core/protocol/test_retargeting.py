"""A service's target follows what its claims came to."""

from __future__ import annotations

from dataclasses import replace

from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.events import ClaimSettled, DifficultyUpdated
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.protocol.queries import compute_units_at, difficulty_target_at
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import Difficulty
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import Height
from joey.core.wire.messages import CreateClaim
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.worlds import (
    WITHOUT_PROOFS,
    World,
    make_genesis,
    make_key,
)

WORLD = World.of_service()
APP = make_key(WORLD.application).address
SUPPLIER = make_key(WORLD.suppliers[0]).address
FIVE = replace(WITHOUT_PROOFS, service=replace(MINIMAL.service, target_num_relays=5))


def open_chain(params: NetworkParams = FIVE) -> PureChain:
    chain = PureChain(make_genesis(WORLD.names, params=params))
    chain.stake(WORLD)
    return chain


def settle(chain: PureChain, relays: int) -> list[DifficultyUpdated]:
    """Settle one claim of a session to come; return what its block says of difficulty."""
    chain.go_to(compute_session_end(chain.height, chain.params.shared) + 2)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    end = session.header.height_end
    chain.go_to(compute_claim_window(end, chain.params.shared).open)
    units = compute_units_at(chain.state, "text", session.header.height_start)
    assert units is not None
    chain.apply(CreateClaim(SUPPLIER, session.header, make_root(units, relays)))
    chain.go_to(compute_settlement_height(end, chain.params.shared))
    events = chain.end_block()
    assert any(isinstance(event, ClaimSettled) for event in events)
    return [event for event in events if isinstance(event, DifficultyUpdated)]


def part(numerator: int, denominator: int) -> bytes:
    return (int.from_bytes(BASE_TARGET, "big") * numerator // denominator).to_bytes(32, "big")


def changes(chain: PureChain) -> tuple[Difficulty, ...]:
    history = chain.state.difficulties.get("text")
    assert history is not None
    return history.changes


def test_few_relays_leave_the_base_target():
    chain = open_chain(WITHOUT_PROOFS)
    (update,) = settle(chain, 10)
    assert update == DifficultyUpdated("text", BASE_TARGET, BASE_TARGET, 10, 10)
    assert difficulty_target_at(chain.state, "text", Height(chain.height + 100)) == BASE_TARGET
    assert [change.num_relays_ema for change in changes(chain)] == [10]


def test_the_first_relays_set_a_target_at_once():
    chain = open_chain()
    (update,) = settle(chain, 10)
    settled = Height(chain.height - 1)
    assert update == DifficultyUpdated("text", part(5, 10), part(5, 10), 10, 10)
    assert difficulty_target_at(chain.state, "text", Height(settled - 1)) == BASE_TARGET
    assert difficulty_target_at(chain.state, "text", settled) == part(5, 10)
    assert changes(chain) == (Difficulty(settled, part(5, 10), 10),)


def test_later_relays_move_the_target_with_the_next_session():
    chain = open_chain()
    settle(chain, 10)
    (update,) = settle(chain, 30)
    # (30 + 9 x 10) / 10 = 12.
    assert update == DifficultyUpdated("text", part(5, 10), part(5, 12), 10, 12)
    start = Height(compute_session_end(Height(chain.height - 1), FIVE.shared) + 1)
    assert difficulty_target_at(chain.state, "text", Height(start - 1)) == part(5, 10)
    assert difficulty_target_at(chain.state, "text", start) == part(5, 12)


def test_an_average_that_moves_no_target_adds_no_entry():
    chain = open_chain(WITHOUT_PROOFS)
    settle(chain, 10)
    settle(chain, 110)
    ((only),) = changes(chain)
    assert (only.target, only.num_relays_ema) == (BASE_TARGET, 20)
