"""What a ring signature costs: CPU time of `sign_ring` and `is_ring_valid` for a ring of two.

Run `python -m speed.ring`; it prints one JSON object on a line. Times are CPU microseconds. `floor_us`
is the sum of the point operations that a signature cannot do without, each measured bare (arguments
made beforehand, nothing read back) in the same run; `ratio` is the median over that floor. Keys are
known and their points cached, as they are in a gateway and in a node.
"""

from __future__ import annotations

import json
import secrets
import statistics
import time
from collections.abc import Callable
from hashlib import sha256

from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT

from joey.core.crypto import libsecp
from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import is_ring_valid, sign_ring
from speed.machine import describe_machine

ROUNDS = 60
CALLS_PER_ROUND = 25

# Of each bare operation, how many one call needs: u*G, u*Hp and for the other member the four products
# and two sums of L and R; a verification has two such members. L and R are encoded each time.
SIGN_NEEDS = {
    "base product": 2,
    "secret product": 1,
    "product": 3,
    "sum": 2,
    "encoding": 4,
}
VERIFY_NEEDS = {"base product": 2, "product": 6, "sum": 4, "encoding": 4}


def main() -> None:
    """Measure and print."""
    keys = [PrivateKey.from_bytes(sha256(name).digest()) for name in (b"application", b"gateway")]
    ring = [key.public_key for key in keys]
    messages = [sha256(number.to_bytes(4, "big")).digest() for number in range(ROUNDS * CALLS_PER_ROUND)]

    sign_us: list[float] = []
    verify_us: list[float] = []
    bare_us: dict[str, list[float]] = {name: [] for name in SIGN_NEEDS}
    bare = make_bare_operations()
    for number in range(ROUNDS):  # everything in every round, so that a slow minute slows all alike
        for message in messages[number * CALLS_PER_ROUND :][:CALLS_PER_ROUND]:
            start = time.process_time_ns()
            signature = sign_ring(message, ring, 1, keys[1], draw_scalar)
            middle = time.process_time_ns()
            valid = is_ring_valid(message, signature)
            end = time.process_time_ns()
            assert valid
            sign_us.append((middle - start) / 1000)
            verify_us.append((end - middle) / 1000)
        for name, operation in bare.items():
            start = time.process_time_ns()
            for _ in range(CALLS_PER_ROUND):
                operation()
            bare_us[name].append((time.process_time_ns() - start) / 1000 / CALLS_PER_ROUND)

    medians = {name: statistics.median(samples) for name, samples in bare_us.items()}
    result = {
        "name": "ring",
        "ring_size": len(ring),
        "sign": summarize(sign_us, SIGN_NEEDS, medians),
        "verify": summarize(verify_us, VERIFY_NEEDS, medians),
        "bare_operations_us": {name: round(median, 2) for name, median in medians.items()},
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def draw_scalar() -> int:
    """Return a secret scalar, as a gateway draws it."""
    return secrets.randbelow(ORDER - 1) + 1


def make_bare_operations() -> dict[str, Callable[[], int]]:
    """Return each operation as one call of the library, everything around it done."""
    context = GLOBAL_CONTEXT.ctx
    scalar = draw_scalar().to_bytes(32, "big")
    point, other = libsecp.multiply_base(draw_scalar()), libsecp.multiply_base(draw_scalar())
    result, running = ffi.new("secp256k1_pubkey *"), ffi.new("secp256k1_pubkey *")
    running[0] = point[0]  # type: ignore[index]
    pair = ffi.new("secp256k1_pubkey *[2]", (point, other))
    encoded, size, shared = (
        ffi.new("unsigned char[33]"),
        ffi.new("size_t *", 33),
        ffi.new("unsigned char[32]"),
    )
    return {
        "base product": lambda: lib.secp256k1_ec_pubkey_create(context, result, scalar),
        "secret product": lambda: lib.secp256k1_ecdh(
            context, shared, point, scalar, lib.secp256k1_ecdh_hash_function_sha256, ffi.NULL
        ),
        "product": lambda: lib.secp256k1_ec_pubkey_tweak_mul(context, running, scalar),
        "sum": lambda: lib.secp256k1_ec_pubkey_combine(context, result, pair, 2),
        "encoding": lambda: lib.secp256k1_ec_pubkey_serialize(
            context, encoded, size, point, lib.SECP256K1_EC_COMPRESSED
        ),
    }


def summarize(
    samples_us: list[float], needs: dict[str, int], medians_us: dict[str, float]
) -> dict[str, float]:
    """Return the spread of the samples beside the floor."""
    deciles = statistics.quantiles(samples_us, n=10)
    median = statistics.median(samples_us)
    floor = sum(count * medians_us[name] for name, count in needs.items())
    return {
        "median_us": round(median, 1),
        "p10_us": round(deciles[0], 1),
        "p90_us": round(deciles[-1], 1),
        "floor_us": round(floor, 1),
        "ratio": round(median / floor, 3),
        "reps": len(samples_us),
    }


if __name__ == "__main__":
    main()
