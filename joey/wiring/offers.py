"""Offers as the configuration writes them, to offers as gateway, node and books know them."""

from __future__ import annotations

from joey.config import Config, OfferConfig
from joey.core.errors import ConfigError
from joey.core.offers.offer import Limits, ServiceOffer, TokenCounting
from joey.core.units import NanoUsd, read_usd

__all__ = ["make_offers", "read_price"]


def make_offers(config: Config) -> tuple[ServiceOffer, ...]:
    """Return all offers, in order. Raises `ConfigError` for a price that is none."""
    return tuple(_make_offer(offer, f"offers[{i}]") for i, offer in enumerate(config.offers))


def read_price(text: str, where: str) -> NanoUsd:
    """Return dollars in decimal text exactly. Raises `ConfigError` naming the setting `where`."""
    try:
        price = read_usd(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    if price <= 0:
        raise ConfigError(f"{where} must be more than 0, not {text}")
    return price


def _make_offer(config: OfferConfig, where: str) -> ServiceOffer:
    return ServiceOffer(
        service_id=config.service,
        name=config.name,
        models=config.models,
        price=read_price(config.price_usd_per_relay, f"{where}.price_usd_per_relay"),
        modality=config.modality,
        tier=config.tier,
        limits=Limits(config.limits.tokens_in_max, config.limits.tokens_out_max),
        counting=TokenCounting(config.bytes_per_token),
    )
