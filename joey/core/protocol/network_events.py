"""What happened on the chain, as the events that CometBFT publishes, and back.

Going out is a matter of names: every event of ours is one typed event of pocket.proof,
pocket.tokenomics or pocket.service, but for the part of a claim that the application asks back,
which is one more (`EventApplicationReimbursementRequest`), and two that the network never emits
(`SupplyChanged`, `ParamsUpdated`). Coming in needs what the network leaves out: session id and start
height, a claim's root, what a discarded claim was worth, the supply. Messages give some of it, the
rest is looked up: see `EventSources`.

With the right sources, what is encoded and decoded is equal to what it was, provided that a
claim's overservicing and fallback events come before it, and that `SupplyChanged` is what the block's
batches and slashes add up to and follows them: so the rules emit them.
Sources: pocket.proof, pocket.tokenomics and pocket.service event.proto; cosmos-sdk types/events.go.
"""

from __future__ import annotations

from joey.core.protocol.network_event_block_reading import (
    EventSources,
    SessionKey,
    decode_block_events,
    list_discarded_claims,
    list_sessions,
)
from joey.core.protocol.network_event_fields import NetworkEvent
from joey.core.protocol.network_event_transaction_reading import decode_transaction_events
from joey.core.protocol.network_event_writing import (
    encode_block_events,
    encode_event,
    encode_transaction_events,
)

__all__ = [
    "EventSources",
    "NetworkEvent",
    "SessionKey",
    "decode_block_events",
    "decode_transaction_events",
    "encode_block_events",
    "encode_event",
    "encode_transaction_events",
    "list_discarded_claims",
    "list_sessions",
]
