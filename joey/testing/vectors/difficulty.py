"""Checks of `difficulty.json`: which relays count, multipliers, scaled hashes, new targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from joey.core.protocol.difficulty import (
    BASE_TARGET,
    compute_multiplier,
    compute_new_target,
    compute_probability,
    is_counted,
    scale_hash,
)
from joey.testing.vectors.item import Item

__all__ = ["GROUPS"]


def check_base_target(item: Item) -> None:
    """Compare the target under which every relay counts."""
    item.expect("base_target_hash", BASE_TARGET)


def check_applicable(item: Item) -> None:
    """Compare whether a relay counts."""
    counted = is_counted(item.octets("relay_hash"), item.octets("target_hash"))
    item.expect("volume_applicable", counted)


def check_multiplier(item: Item) -> None:
    """Compare a target's probability and its inverse, exactly, and the former as a 32-bit float."""
    target = item.octets("target_hash")
    probability = compute_probability(target)
    item.expect_ratio("probability", probability)
    item.expect_ratio("multiplier", compute_multiplier(target))
    item.expect_single("probability_float32", float(probability))


def check_scaled(item: Item) -> None:
    """Compare a hash times a ratio."""
    ratio = Fraction(int(item.text("ratio_num")), int(item.text("ratio_denom")))
    item.expect("scaled", scale_hash(item.octets("hash"), ratio))


def check_new_target(item: Item) -> None:
    """Compare the target that follows from an average of relays."""
    target = compute_new_target(
        item.octets("prev_target_hash"), item.integer("target_num_relays"), item.integer("new_relays_ema")
    )
    item.expect("new_target_hash", target)


GROUPS: Mapping[str, Callable[[Item], None]] = {
    "base_target_hash": check_base_target,
    "volume_applicable_checks": check_applicable,
    "multipliers": check_multiplier,
    "scaled_hashes": check_scaled,
    "new_target_hashes": check_new_target,
}
