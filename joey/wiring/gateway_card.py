"""What publishes a gateway's card: JSON that tells people and programs about it, and binds nobody."""

from __future__ import annotations

import json
from pathlib import Path

from joey.core.errors import ConfigError
from joey.core.protocol.services import CARD_BYTES_MAX
from joey.core.wire.messages import UpdateGatewayMetadata
from joey.ports.chain import Chain
from joey.wiring.proposal import Change, Proposal, find_due

__all__ = ["propose_gateway_card", "read_gateway_card"]


def read_gateway_card(path: Path) -> bytes:
    """Return the bytes of a card's file. Raises `ConfigError` for what is no JSON, or too long."""
    try:
        card = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    if len(card) > CARD_BYTES_MAX:
        raise ConfigError(f"{path}: a card has at most {CARD_BYTES_MAX} bytes, not {len(card)}")
    try:
        json.loads(card)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    return card


async def propose_gateway_card(chain: Chain, signer: str, card: bytes) -> Proposal:
    """Return what replaces the card of the gateway that signs."""
    known = await chain.gateway(signer)
    if known is None:
        raise ConfigError(f"{signer} is no staked gateway: stake it first, or sign with its key")
    title = f"card of gateway {signer}"
    if card == known.card:
        return Proposal(title)
    due = await find_due(chain)
    before = f"{len(known.card)} bytes" if known.card else "none"
    change = Change("card", before, f"{len(card)} bytes", due.block)
    return Proposal(title, (UpdateGatewayMetadata(signer, card),), (change,))
