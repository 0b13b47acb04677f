"""Parameters are changed by the authority over them: what changes, and from which height on.

Shared and session parameters have a history by height. A change is in it from the next session's
start. Of the live parameters, those of sessions and of every other module change at once; of the
shared ones only such a change does that leaves all timing alone (sessions' length, grace, windows).
A change of timing is withheld until the end of the block in which its session starts, the last thing
that block does: that block still ends by the old timing.

Where the length of sessions changes, the grid is laid anew from the next session on
(`session_grid_anchor_height`, `session_number_at_anchor`): no session is cut, none is numbered twice.

Three things of the network that may surprise are kept. A single parameter is set in the live set, so
a second change within a session drops a change of timing that the first one left waiting. A change in
the very block in which a waiting one takes effect is live for that block's messages and then undone
until its own session starts. The network checks a whole set when a message for it is sent, a single
parameter only for its name and type.

The network says nothing of a change but the message itself; `ParamsUpdated` is for this process.
Source: poktroll x/shared/keeper/{msg_server_update_param,msg_update_params,end_blocker,params}.go,
x/session/keeper/params.go, x/*/types/message_update_param*.go.
"""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from typing import Any, cast

from joey.core.crypto.keys import is_address
from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import compute_next_session_start, refuse
from joey.core.protocol.events import ParamsUpdated
from joey.core.protocol.genesis import AUTHORITY
from joey.core.protocol.params import NetworkParams, SessionParams, SharedParams, Shares
from joey.core.protocol.params_codec import ModuleParams, decode_module_params, encode_module_params
from joey.core.protocol.params_rules import find_fault, find_grace_fault
from joey.core.protocol.queries import live_params, params_at
from joey.core.protocol.sessions import compute_session_number
from joey.core.protocol.state import State, height_key
from joey.core.units import Height, Upokt
from joey.core.wire.messages import CoinValue, ParamValue, SharesValue, UpdateParam, UpdateParams

__all__ = [
    "DERIVED_PARAMS",
    "TIMING_PARAMS",
    "WHOLE_SET_PARAMS",
    "authority_of",
    "check_update_param",
    "check_update_params",
    "make_update_param",
    "make_update_params",
    "promote_params",
    "update_param",
    "update_params",
]

_PARAM_CODES = {
    "shared": (1102, 1103),
    "session": (1110, 1110),
    "proof": (1119, 1120),
    "tokenomics": (1114, 1115),
    "service": (1115, 1115),
    "application": (1115, 1115),
    "supplier": (1107, 1107),
    "gateway": (1105, 1105),
}
"""By module, the codes of an unknown parameter and of a value that it cannot have.

Source: x/*/types/errors.go.
"""
_INVALID_SIGNER = 1100
"""The code, in every module, of a message that is not from the authority."""

DERIVED_PARAMS = ("session_grid_anchor_height", "session_number_at_anchor", "unknown")
"""What a chain sets itself, and what we have no name for."""
TIMING_PARAMS = (
    "num_blocks_per_session",
    "grace_period_end_offset_blocks",
    "claim_window_open_offset_blocks",
    "claim_window_close_offset_blocks",
    "proof_window_open_offset_blocks",
    "proof_window_close_offset_blocks",
)
"""Shared parameters whose change is withheld until the end of the block in which its session starts."""
WHOLE_SET_PARAMS = ("mint_equals_burn_claim_distribution", "mint_ratio", "overservicing_bonus_multiplier")
"""Tokenomics parameters that the network's message about a single one cannot name."""

_COINS = frozenset(
    {
        "add_service_fee",
        "min_stake",
        "proof_missing_penalty",
        "proof_requirement_threshold",
        "proof_submission_fee",
        "staking_fee",
    }
)


def authority_of(state: State) -> str:
    """Return the account that may change a chain's parameters."""
    authority = state.authority.get("")
    return AUTHORITY if authority is None else authority.address


def make_update_params(authority: str, params: ModuleParams) -> UpdateParams:
    """Return the message that replaces all parameters of a module."""
    module = type(params).__name__.removesuffix("Params").lower()
    return UpdateParams(authority, module, encode_module_params(params))


def make_update_param(
    authority: str, module: str, name: str, value: int | str | Fraction | Shares
) -> UpdateParam:
    """Return the message that replaces one parameter; amounts are whole numbers of upokt."""
    wire: ParamValue
    if isinstance(value, Shares):
        wire = SharesValue(value.dao, value.proposer, value.supplier, value.source_owner, value.application)
    elif isinstance(value, int) and name in _COINS:
        wire = CoinValue(Upokt(value))
    else:
        wire = value
    return UpdateParam(authority, module, name, wire)


def check_update_params(message: UpdateParams) -> None:
    """Raise `TransactionRejected` unless a message names a whole set that its module could have."""
    _check_authority_address(message)
    _read_params(message)


def check_update_param(message: UpdateParam) -> None:
    """Raise `TransactionRejected` unless a message names a parameter of its module and its type."""
    _check_authority_address(message)
    unknown, invalid = _PARAM_CODES[message.module]
    if _find_kind(message.module, message.name) is None:
        raise refuse(message.module, unknown, f"unsupported param {message.name!r}")
    if _read_value(message) is None:
        text = f"param {message.name!r} cannot be {type(message.value).__name__}"
        raise refuse(message.module, invalid, text)


def update_params(state: State, message: UpdateParams, block: BlockContext) -> tuple[ParamsUpdated, ...]:
    """Replace all parameters of a module. Anchors that the message names are not looked at."""
    _check_authority(state, message)
    return _record(state, message.module, _read_params(message), block)


def update_param(state: State, message: UpdateParam, block: BlockContext) -> tuple[ParamsUpdated, ...]:
    """Replace one parameter of a module's live set, if the set that this makes is one it could have."""
    _check_authority(state, message)
    live = getattr(live_params(state), message.module)
    changed: ModuleParams = replace(live, **{message.name: _read_value(message)})
    fault = find_fault(changed)
    if fault is not None:
        raise _refuse_params(message.module, fault)
    return _record(state, message.module, changed, block)


def promote_params(state: State, block: BlockContext) -> None:
    """Make shared parameters live whose session started with this block: the last act of a block."""
    known = state.params.get(height_key(block.height))
    if known is None or block.height == 1:
        return
    state.live_params.put("", replace(live_params(state), shared=known.shared))


def _record(
    state: State, module: str, params: ModuleParams, block: BlockContext
) -> tuple[ParamsUpdated, ...]:
    effective = params_at(state, block.height)
    next_start = compute_next_session_start(block.height, effective.shared)
    live = live_params(state)
    if isinstance(params, SharedParams):
        _record_shared(state, params, live, effective.shared, block.height, next_start)
    else:
        if isinstance(params, SessionParams):
            state.session_params.put(height_key(next_start), params)
        changed: dict[str, Any] = {module: params}
        state.live_params.put("", replace(live, **changed))
    has_history = isinstance(params, SharedParams | SessionParams)
    return (ParamsUpdated(module, next_start if has_history else block.height),)


def _record_shared(
    state: State,
    params: SharedParams,
    live: NetworkParams,
    effective: SharedParams,
    height: Height,
    next_start: Height,
) -> None:
    if find_grace_fault(live.shared) is None and (fault := find_grace_fault(params)) is not None:
        raise _refuse_params("shared", fault)
    if effective.session_grid_anchor_height == 0:
        # The first change of all: from now on the history says where the grid began.
        effective = replace(effective, session_grid_anchor_height=1, session_number_at_anchor=1)
        genesis = state.params.get(height_key(1))
        assert genesis is not None, "a state always has the parameters of its genesis"
        state.params.put(height_key(1), replace(genesis, shared=effective))
    if params.num_blocks_per_session == effective.num_blocks_per_session:
        anchor, number = effective.session_grid_anchor_height, effective.session_number_at_anchor
    else:
        anchor, number = next_start, compute_session_number(height, effective) + 1
    recorded = replace(params, session_grid_anchor_height=anchor, session_number_at_anchor=number)
    state.params.put(height_key(next_start), replace(params_at(state, height), shared=recorded))
    if all(getattr(recorded, name) == getattr(live.shared, name) for name in TIMING_PARAMS):
        kept = replace(
            recorded,
            session_grid_anchor_height=live.shared.session_grid_anchor_height,
            session_number_at_anchor=live.shared.session_number_at_anchor,
        )
        state.live_params.put("", replace(live, shared=kept))


def _check_authority_address(message: UpdateParams | UpdateParam) -> None:
    if not is_address(message.authority):
        raise refuse("sdk", 7, f"invalid authority address {message.authority!r}")


def _check_authority(state: State, message: UpdateParams | UpdateParam) -> None:
    authority = authority_of(state)
    if message.authority != authority:
        text = f"invalid authority; expected {authority}, got {message.authority}"
        raise refuse(message.module, _INVALID_SIGNER, text)


def _read_params(message: UpdateParams) -> ModuleParams:
    try:
        params = decode_module_params(message.module, message.params)
    except ValueError as error:
        raise _refuse_params(message.module, str(error)) from None
    fault = find_fault(params)
    if fault is not None:
        raise _refuse_params(message.module, fault)
    return params


def _refuse_params(module: str, fault: str) -> TransactionRejected:
    return refuse(module, _PARAM_CODES[module][1], fault)


def _find_kind(module: str, name: str) -> str | None:
    """Return the name of the type of a parameter that can be set alone; `None` if it cannot be."""
    if name in DERIVED_PARAMS or name in WHOLE_SET_PARAMS:
        return None
    params_type = next(field.type for field in fields(NetworkParams) if field.name == module)
    kinds = {field.name: str(field.type) for field in fields(_PARAMS_TYPES[str(params_type)])}
    return kinds.get(name)


def _read_value(message: UpdateParam) -> int | str | Fraction | Shares | None:
    """Return a value as the parameter's own type; `None` when it is of another, or no possible one."""
    match _find_kind(message.module, message.name), message.value:
        case ("Upokt", CoinValue(amount)):
            return amount
        case ("int", int() as number):
            return number
        case ("str", str() as text):
            return text
        case ("Fraction", Fraction() as share):
            return share
        case ("Shares", SharesValue() as shares):
            try:
                return Shares(
                    shares.dao, shares.proposer, shares.supplier, shares.source_owner, shares.application
                )
            except ValueError:
                return None
        case _:
            return None


_PARAMS_TYPES: dict[str, type[Any]] = {
    params_type.__name__: cast(type[Any], params_type) for params_type in ModuleParams.__args__
}
