"""From parameters as somebody wants them to the message that the authority sends.

What the chain would refuse for its own sake is refused here first; whether the signer is the authority
only the chain knows, and it says so when the fee is estimated, before anything is sent.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from joey.core.errors import TransactionRejected
from joey.core.protocol.governance import (
    DERIVED_PARAMS,
    TIMING_PARAMS,
    WHOLE_SET_PARAMS,
    check_update_param,
    make_update_param,
    make_update_params,
)
from joey.core.protocol.params import SessionParams, SharedParams
from joey.core.protocol.params_codec import ModuleParams
from joey.core.protocol.params_rules import find_fault, find_grace_fault
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message
from joey.ports.chain import Chain
from joey.wiring.params_values import (
    find_module,
    find_param,
    read_params_file,
    read_value,
    show_value,
)
from joey.wiring.proposal import Change, Due, Proposal, find_due, refuse_field

__all__ = ["propose_param", "propose_params"]


async def propose_param(chain: Chain, signer: str, module: str, name: str, text: str) -> Proposal:
    """Return what sets one parameter to the value of `text`. It is set in what is live."""
    due = await find_due(chain)
    live = find_module(module, due.live)
    kind = find_param(name, module, live)
    if name in WHOLE_SET_PARAMS:
        raise refuse_field(name, "the network sets it with all of its module only: use update-params")
    value = read_value(text, kind, name, getattr(live, name))
    change: dict[str, Any] = {name: value}
    wanted = replace(live, **change)
    message = make_update_param(signer, module, name, value)
    try:
        check_update_param(message)
    except TransactionRejected as error:
        raise refuse_field(name, error.message) from None
    notes: tuple[str, ...] = ()
    if isinstance(live, SharedParams):
        notes = _note_dropped(live, (await chain.params_at(due.session)).shared, name)
    return _propose(module, live, wanted, message, due, notes)


async def propose_params(chain: Chain, signer: str, module: str, file: Path) -> Proposal:
    """Return what sets all parameters of a module: a file's, and the others as they will be."""
    due = await find_due(chain)
    before = find_module(module, due.live)
    if isinstance(before, SharedParams):
        # What waits for the next session would be dropped if it were not sent again.
        before = (await chain.params_at(due.session)).shared
    wanted = read_params_file(file, module, before)
    try:
        message = make_update_params(signer, wanted)
    except ValueError as error:
        raise refuse_field(module, str(error)) from None
    return _propose(module, before, wanted, message, due, ())


def _propose(
    module: str,
    before: ModuleParams,
    wanted: ModuleParams,
    message: Message,
    due: Due,
    notes: tuple[str, ...],
) -> Proposal:
    title = f"parameters of {module}"
    names = [field.name for field in fields(wanted) if field.name not in DERIVED_PARAMS]
    changed = [name for name in names if getattr(before, name) != getattr(wanted, name)]
    if not changed:
        return Proposal(title)
    fault = find_fault(wanted)
    if fault is None and isinstance(wanted, SharedParams) and find_grace_fault(due.live.shared) is None:
        fault = find_grace_fault(wanted)
    if fault is not None:
        raise refuse_field(module, f"the chain would refuse this: {fault}")
    height = due.session if isinstance(wanted, SharedParams | SessionParams) else due.block
    changes = [_change(module, name, before, wanted, height) for name in changed]
    return Proposal(title, (message,), tuple(changes), notes=(*_note_live(wanted, changed, due), *notes))


def _change(module: str, name: str, before: ModuleParams, wanted: ModuleParams, height: Height) -> Change:
    what = f"{module}.{name}"
    if get_type_hints(type(wanted))[name] is Upokt:
        return Change(what, getattr(before, name), getattr(wanted, name), height)
    return Change(what, show_value(getattr(before, name)), show_value(getattr(wanted, name)), height)


def _note_live(wanted: ModuleParams, changed: list[str], due: Due) -> tuple[str, ...]:
    """Tell from when on a block is executed by what sessions go by later."""
    if not isinstance(wanted, SharedParams | SessionParams):
        return ()
    if any(name in TIMING_PARAMS for name in changed):
        return (f"block {due.session} itself still ends by the old timing",)
    return (f"what a block executes by, such as unbonding periods, changes with block {due.block}",)


def _note_dropped(live: SharedParams, waiting: SharedParams, name: str) -> tuple[str, ...]:
    """Tell what a change of one parameter takes back: one of timing that still waits for its session."""
    dropped = [
        f"{one} = {getattr(waiting, one)}"
        for one in TIMING_PARAMS
        if one != name and getattr(live, one) != getattr(waiting, one)
    ]
    if not dropped:
        return ()
    return (f"this drops {', '.join(dropped)}, which waits for the next session: use update-params",)
