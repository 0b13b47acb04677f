"""What is sold under a service: models, limits, how tokens are counted, price; and its card.

The card is the offer as JSON, published with the service on chain. Nothing on chain enforces it;
gateway and node both hold to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from joey.core.units import NanoUsd, format_usd, read_usd

__all__ = ["Limits", "ServiceOffer", "TokenCounting"]


@dataclass(frozen=True, slots=True)
class TokenCounting:
    """A plain rule to count tokens, the same at gateway and node, with no engine asked.

    `bytes_per_token`: UTF-8 bytes of all message text, divided by this, rounded up.
    """

    bytes_per_token: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one relay may ask for; a larger request is refused, never trimmed."""

    tokens_in_max: int = 200
    tokens_out_max: int = 1000


@dataclass(frozen=True, slots=True)
class ServiceOffer:
    """One offer. `models` are the names clients may ask for, the first being the one listed first.

    `price` is nano-dollars per relay. `tier` is `interactive` or `batch`.
    """

    service_id: str
    name: str
    models: tuple[str, ...]
    price: NanoUsd
    modality: str = "chat"
    tier: str = "interactive"
    limits: Limits = Limits()
    counting: TokenCounting = TokenCounting()

    def card(self) -> bytes:
        """Return the card: canonical JSON (sorted keys, no spaces), UTF-8."""
        card = {
            "joey": 1,
            "service": self.service_id,
            "name": self.name,
            "modality": self.modality,
            "tier": self.tier,
            "models": list(self.models),
            "limits": {
                "tokens_in_max": self.limits.tokens_in_max,
                "tokens_out_max": self.limits.tokens_out_max,
            },
            "counting": {"bytes_per_token": self.counting.bytes_per_token},
            "price_usd_per_relay": format_usd(self.price),
        }
        return json.dumps(card, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_card(cls, card: bytes) -> ServiceOffer:
        """Read a card. Raises `ValueError` naming the member that is missing or wrong."""
        try:
            data = json.loads(card)
            limits, counting = data["limits"], data["counting"]
            return cls(
                service_id=data["service"],
                name=data["name"],
                models=tuple(data["models"]),
                price=read_usd(data["price_usd_per_relay"]),
                modality=data["modality"],
                tier=data["tier"],
                limits=Limits(int(limits["tokens_in_max"]), int(limits["tokens_out_max"])),
                counting=TokenCounting(int(counting["bytes_per_token"])),
            )
        except KeyError as missing:
            raise ValueError(f"the card has no member {missing}") from None
        except (TypeError, AttributeError, UnicodeDecodeError) as wrong:
            raise ValueError(f"the card is not an offer: {wrong}") from None
