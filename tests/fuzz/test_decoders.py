"""Whatever a stranger sends is read, or refused by an error of ours: soon, and without eating memory.

Inputs are random bytes, random fields, and valid inputs with bits turned, parts cut out, doubled or put
into one another, and lengths and numbers blown up. A failure shows its input.
With `JOEY_SOAK=1` there are 1,000,000, otherwise 20,000.
"""

from __future__ import annotations

import os
import random
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from hashlib import sha256
from itertools import islice

import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import is_ring_valid, read_ring
from joey.core.errors import JoeyError
from joey.core.protocol.governance import make_update_params
from joey.core.protocol.params import MAINNET
from joey.core.protocol.params_codec import decode_module_params, encode_module_params
from joey.core.trie.closest import prove_closest
from joey.core.trie.compact import decode_compact, decode_proof, encode_proof, is_proof_valid
from joey.core.trie.smst import SessionTrie
from joey.core.units import Height, Upokt
from joey.core.wire.codec import (
    decode_application,
    decode_gateway,
    decode_service,
    decode_session,
    decode_session_header,
    decode_supplier,
    encode_application,
    encode_gateway,
    encode_service,
    encode_session,
    encode_session_header,
    encode_supplier,
)
from joey.core.wire.envelope import HttpResponse, decode_request, decode_response, encode_response
from joey.core.wire.governance_codec import GOVERNED_MODULES
from joey.core.wire.message_codec import TYPE_URLS, decode_message, encode_message
from joey.core.wire.messages import (
    CoinValue,
    CreateClaim,
    Message,
    ParamValue,
    Send,
    SubmitProof,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
    UpdateGatewayMetadata,
    UpdateParam,
)
from joey.core.wire.relay import (
    decode_relay,
    decode_relay_request,
    decode_relay_response,
    encode_relay,
    encode_relay_request,
    encode_relay_response,
    sign_response,
)
from joey.core.wire.session import Application, Gateway, Session, SessionHeader, Supplier
from joey.core.wire.transactions import decode_transaction, sign_transaction
from joey.testing.relays import make_call, sign_relay
from joey.testing.worlds import World, make_key

INPUTS = 1_000_000 if os.environ.get("JOEY_SOAK") == "1" else 20_000
INPUT_BYTES_MAX = 16_384

CPU_S_MAX = 1.0
"""For one input; the usual one takes some 0.0001 s."""
MEGABYTE_CPU_S_MAX = 10.0
"""For an input a hundred times as long as others, made to be slow; it takes a second."""
HEAP_BYTES_MAX = 16 << 20
"""What Python may hold at a time while one input is read."""
RESIDENT_KIB_MAX = 192 << 10
"""By how much the process may grow over all inputs, what C libraries hold included."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@dataclass(frozen=True)
class Target:
    """A reader of strangers' bytes, and valid inputs of its own."""

    name: str
    read: Callable[[bytes], object]
    seeds: Sequence[bytes]


def make_targets() -> list[Target]:
    """Return every decoder that meets bytes of others."""
    world = World.of_service("text")
    application, gateway, supplier = (
        make_key(name) for name in (world.application, world.gateway, world.suppliers[0])
    )
    header = SessionHeader(application.address, "text", "ab" * 32, Height(21), Height(24))
    ring = [application.public_key, gateway.public_key]
    calls = map(make_call, ("", "two words" * 20))
    requests = [sign_relay(header, supplier.address, call, ring, gateway) for call in calls]
    response = sign_response(header, encode_response(HttpResponse(200, (("A", "b"),), b"{}")), supplier)
    relays = [encode_relay(request, response) for request in requests]
    proofs = [encode_proof(prove_closest(make_trie(count, relays[0]), bytes(32))) for count in (0, 1, 40)]
    supplier_value, application_value = make_records(world)
    messages = make_messages(world, header, proofs[2])
    params = {module: getattr(MAINNET, module) for module in GOVERNED_MODULES}
    session = Session(header, 1, 4, application_value, (supplier_value,))
    root = make_trie(40, relays[0]).root()
    return [
        Target("relay request", decode_relay_request, list(map(encode_relay_request, requests))),
        Target("relay response", decode_relay_response, [encode_relay_response(response)]),
        Target("relay", decode_relay, relays),
        Target("session header", decode_session_header, [encode_session_header(header)]),
        Target("session", decode_session, [encode_session(session)]),
        Target("application", decode_application, [encode_application(application_value)]),
        Target("supplier", decode_supplier, [encode_supplier(supplier_value)]),
        Target("gateway", decode_gateway, [encode_gateway(Gateway(gateway.address, Upokt(7)))]),
        Target("service", decode_service, [encode_service(world.service)]),
        Target("request envelope", decode_request, [request.payload for request in requests]),
        Target("response envelope", decode_response, [response.payload]),
        Target("transaction", decode_transaction, [sign(message, application) for message in messages]),
        *(make_message_target(type_url, messages) for type_url in TYPE_URLS),
        *(
            Target(
                f"{module} parameters", partial(decode_module_params, module), [encode_module_params(value)]
            )
            for module, value in params.items()
        ),
        Target("ring", read_ring, [request.signature for request in requests]),
        Target("ring signature", lambda data: is_ring_valid(bytes(32), data), [requests[0].signature]),
        Target("compact proof", decode_compact, proofs),
        Target("proof", decode_proof, proofs),
        Target("proof against a root", lambda data: is_proof_valid(root, data), proofs),
    ]


def make_trie(count: int, value: bytes) -> SessionTrie:
    trie = SessionTrie()
    for number in range(count):
        trie.insert(sha256(bytes([number])).digest(), value, 3000)
    return trie


def make_records(world: World) -> tuple[Supplier, Application]:
    staked = {type(staking.message).__name__: staking.message for staking in world.stakings()}
    supplier, application = staked["StakeSupplier"], make_key(world.application)
    return (
        Supplier(supplier.signer, supplier.signer, Upokt(10**11), services=getattr(supplier, "services", ())),
        Application(application.address, Upokt(10**10), "text", (make_key(world.gateway).address,)),
    )


def sign(message: Message, key: PrivateKey) -> bytes:
    return sign_transaction([message], key, chain_id="pocket", account_number=3, sequence=5)


def make_messages(world: World, header: SessionHeader, proof: bytes) -> list[Message]:
    """Return messages of every type."""
    me, you = (make_key(name).address for name in (world.suppliers[0], world.gateway))
    return [
        *(staking.message for staking in world.stakings()),
        Send(me, you, Upokt(10**18)),
        UnstakeApplication(me),
        UnstakeGateway(me),
        UnstakeSupplier(me, you),
        UndelegateFromGateway(me, you),
        CreateClaim(me, header, bytes(48)),
        SubmitProof(me, header, proof),
        TransferApplication(me, you),
        TransferService(me, "text", you),
        UpdateGatewayMetadata(me, b"{}"),
        *(make_update_params(me, getattr(MAINNET, module)) for module in GOVERNED_MODULES),
        *(
            UpdateParam(me, module, "min_stake", value)
            for module in GOVERNED_MODULES
            for value in (20, "text", b"bytes", Fraction(1, 100), CoinValue(Upokt(1)))
            if is_writable(module, value)
        ),
    ]


def is_writable(module: str, value: ParamValue) -> bool:
    """Tell whether a module's message about one parameter can carry such a value."""
    try:
        encode_message(UpdateParam("", module, "", value))
    except ValueError:
        return False
    return True


def make_message_target(type_url: str, messages: Sequence[Message]) -> Target:
    encoded = [encode_message(message) for message in messages]
    return Target(
        type_url, partial(decode_message, type_url), [wire for url, wire in encoded if url == type_url]
    )


def generate(chance: random.Random, seeds: Sequence[bytes]) -> Iterator[bytes]:
    """Yield inputs without an end."""
    while True:
        data = chance.choice(MAKERS)(chance, chance.choice(seeds))
        for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
            data = chance.choice(MUTATIONS)(chance, data)
        yield data[:INPUT_BYTES_MAX]


def keep(_chance: random.Random, seed: bytes) -> bytes:
    return seed


def make_noise(chance: random.Random, _seed: bytes) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 3, 20, 200, 2000)))


def make_fields(chance: random.Random, _seed: bytes, depth: int = 0) -> bytes:
    """Return protobuf fields: numbers, groups, strings, and messages within."""
    data = bytearray()
    for _ in range(chance.randrange(6)):
        wire_type = chance.randrange(8)
        number = chance.choice((chance.randrange(1, 16), chance.getrandbits(33)))
        data += write_varint(number << 3 | wire_type)
        if wire_type == 0:
            data += write_varint(chance.getrandbits(chance.choice((1, 7, 32, 64, 70))))
        elif wire_type in (1, 5):
            data += chance.randbytes(8 if wire_type == 1 else 4)
        elif wire_type == 2:
            content = make_noise(chance, b"") if depth > 4 else make_fields(chance, b"", depth + 1)
            data += write_varint(len(content)) + content
    return bytes(data)


def make_nest(chance: random.Random, _seed: bytes) -> bytes:
    """Return messages or groups a hundred to thousands deep."""
    number, levels = chance.randrange(1, 8), chance.choice((99, 101, 3000))
    if chance.random() < 0.5:
        return bytes((number << 3 | 3,)) * levels + bytes((number << 3 | 4,)) * levels
    data = b""
    for _ in range(min(levels, 400)):
        data = bytes((number << 3 | 2,)) + write_varint(len(data)) + data
    return data


def flip(chance: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_short(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randint(0, len(data))]


def cut_out(chance: random.Random, data: bytes) -> bytes:
    start, end = draw_span(chance, data)
    return data[:start] + data[end:]


def double(chance: random.Random, data: bytes) -> bytes:
    start, end = draw_span(chance, data)
    return data[:end] + data[start:end] * chance.choice((1, 1, 2, 50)) + data[end:]


def insert(chance: random.Random, data: bytes) -> bytes:
    place = chance.randint(0, len(data))
    return data[:place] + chance.choice((make_noise, make_fields))(chance, data) + data[place:]


def blow_up(chance: random.Random, data: bytes) -> bytes:
    """Put a number of extreme size, as protobuf, gob or the ring write it, over what is there."""
    bomb = chance.choice(BOMBS)
    place = chance.randint(0, len(data))
    return data[:place] + bomb + data[place + chance.choice((0, 1, len(bomb))) :]


def draw_span(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((1, 2, 8, 64)))


def write_varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*digits, value))


BOMBS = [
    *(write_varint(size) for size in (2**7, 2**14, 2**28, 2**31 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)),
    *(b"\xff" * length for length in (1, 4, 9, 10, 11)),
    *(bytes((256 - length,)) + b"\xff" * length for length in (1, 2, 4, 8)),
    *(size.to_bytes(4, "big") for size in (0, 1, 2, 2**16, 2**31, 2**32 - 1)),
    bytes(9),
]
MAKERS = [keep] * 6 + [make_noise, make_fields, make_fields, make_nest]
MUTATIONS = [flip, flip, cut_short, cut_out, double, insert, blow_up, blow_up]


def test_every_input_is_read_or_refused_soon_and_in_little_memory() -> None:
    targets = make_targets()
    count = -(-INPUTS // len(targets))
    resident_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    tracemalloc.start()
    try:
        for target in targets:
            chance = random.Random(target.name)
            for number, data in enumerate(islice(generate(chance, target.seeds), count)):
                is_read = read_bounded(target, number, data)
                read, refused = read + is_read, refused + (not is_read)
    finally:
        tracemalloc.stop()
    assert read + refused >= INPUTS
    assert min(read, refused) > INPUTS // 20, "both kinds are tried"
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident_kib
    assert grown_kib < RESIDENT_KIB_MAX


def read_bounded(target: Target, number: int, data: bytes, *, cpu_s_max: float = CPU_S_MAX) -> bool:
    """Tell whether the input was read; fail when it was neither read nor refused as it should be."""
    told = f"input {number} of {target.name}: {data.hex() if len(data) <= INPUT_BYTES_MAX else len(data)}"
    tracemalloc.reset_peak()
    held, start = tracemalloc.get_traced_memory()[0], time.thread_time()
    is_read = True
    try:
        target.read(data)
    except (ValueError, JoeyError):
        is_read = False
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} by {told}") from error
    assert time.thread_time() - start < cpu_s_max, f"too slow: {told}"
    assert tracemalloc.get_traced_memory()[1] - held < HEAP_BYTES_MAX, f"too big: {told}"
    return is_read


@pytest.mark.parametrize("kind", ["definitions", "names", "list", "zeros", "members"])
def test_a_megabyte_made_to_be_slow_is_not(kind: str) -> None:
    """Streams whose reading would take the square of their length, if anything of it did."""
    target = Target(kind, lambda data: is_proof_valid(bytes(48), data), ())
    read_bounded(target, 0, make_slow_stream(kind), cpu_s_max=MEGABYTE_CPU_S_MAX)


def make_slow_stream(kind: str) -> bytes:
    size = 1 << 20
    if kind == "zeros":
        return b"\x01\x00" * (size // 2)
    if kind == "definitions":
        return b"".join(define_list(number, 5) for number in range(65, 65 + size // 12))
    if kind == "list":
        value = gob_uint(65 << 1) + b"\x01" + gob_uint(size) + bytes(size)
        return define_struct(65, [("FlippedBits", 66)]) + define_list(66, 5) + message(value)
    if kind == "names":  # each of many equal fields is of a type with many fields
        count = size // 60
        outer = define_struct(65, [("ClosestProof", 66)] * count)
        inner = define_struct(66, [("BitMask", 5)] * count)
        return outer + inner + message(gob_uint(65 << 1) + b"\x01\x01\x00\x00" * count)
    count = size // 40  # members: a struct that is given again and again grows each time
    names = [(f"x{number}", 2) for number in range(count)]
    outer = define_struct(65, [("ClosestProof", 66)] * count)
    inner = define_struct(66, [("BitMask", 5), *names])
    full = b"\x01\x02" * count + b"\x00"
    return outer + inner + message(gob_uint(65 << 1) + b"\x01\x01\x01a" + full + b"\x01\x00" * (count - 1))


def gob_uint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((256 - len(digits),)) + digits


def message(content: bytes) -> bytes:
    return gob_uint(len(content)) + content


def define_list(type_id: int, element: int) -> bytes:
    common = b"\x02" + gob_uint(type_id << 1) + b"\x00"
    union = b"\x02\x01" + common + b"\x01" + gob_uint(element << 1) + b"\x00\x00"
    return message(gob_uint(~-type_id << 1 | 1) + union)


def define_struct(type_id: int, fields: Sequence[tuple[str, int]]) -> bytes:
    common = b"\x02" + gob_uint(type_id << 1) + b"\x00"
    encoded = b"".join(
        b"\x01" + message(name.encode()) + b"\x01" + gob_uint(field << 1) + b"\x00" for name, field in fields
    )
    union = b"\x03\x01" + common + b"\x01" + gob_uint(len(fields)) + encoded + b"\x00\x00"
    return message(gob_uint(~-type_id << 1 | 1) + union)
