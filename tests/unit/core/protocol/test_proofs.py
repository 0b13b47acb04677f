"""Proofs on their own: when one is due, and what the chain accepts as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest

from joey.core.protocol.claims import (
    Claim,
    ProofRequirement,
    ProofStatus,
    claim_from_proto,
    claim_to_proto,
    encode_claim,
)
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MAINNET, ProofParams
from joey.core.protocol.proofs import (
    ProofFault,
    compute_proof_path,
    compute_proof_requirement,
    compute_proof_sample,
    compute_proof_seed_height,
    find_proof_fault,
    find_submission_fault,
    find_validity_fault,
)
from joey.core.protocol.rings import PLACEHOLDER_PUBLIC_KEY
from joey.core.trie.closest import ClosestProof
from joey.core.trie.compact import decode_proof, encode_proof
from joey.core.trie.smst import SessionTrie
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.proto import proof_pb2
from joey.core.wire.relay import Relay, compute_relay_hash, decode_relay, encode_relay, sign_response
from joey.core.wire.session import SessionHeader
from joey.testing.proofs import ServedSession, make_relay, serve_session
from joey.testing.worlds import make_key

# --- the network's own numbers ---

NETWORK_CLAIM = Claim(
    "pokt13xxp89w76m6eqsy8zcy80jtd0fe98wt7mgegay",
    SessionHeader(
        "pokt1mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4",
        "eth",
        "5baf014783ac43e0e8821273f1583a33fc9b2e4ac1b185380715482e6365ef32",
        Height(1021),
        Height(1040),
    ),
    bytes.fromhex(
        "3b3dfbc28264c7cf5809fce373a7e264a6766c66a471555ec30449b60f3bcea20000000000000a280000000000000001"
    ),
)
NETWORK_SEED = sha256(b"block-1062").digest()
HASH_PENDING = "cfcdbdea91b2699fb521f3ebe538ecae72715ef27664df7eae76631ad79f7baa"
HASH_VALIDATED = "7aa3b099ef3d9f3ea8b631c4d88191aaaea803f524784c013575bd5031f0f537"


@pytest.mark.parametrize(
    ("status", "digest", "sample"),
    [
        (ProofStatus.PENDING, HASH_PENDING, 0.15443973676668707),
        (ProofStatus.VALIDATED, HASH_VALIDATED, 0.2665532454560936),
    ],
)
def test_what_a_claim_draws(status: ProofStatus, digest: str, sample: float):
    claim = replace(NETWORK_CLAIM, proof_status=status)
    assert sha256(encode_claim(claim)).hexdigest() == digest
    assert compute_proof_sample(claim, NETWORK_SEED) == sample


def test_where_a_proof_must_lead():
    assert compute_proof_seed_height(Height(1040), MAINNET.shared) == 1062
    path = compute_proof_path(NETWORK_SEED, NETWORK_CLAIM.header.session_id)
    assert path.hex() == "4f445de2617017c302bf93e91d07692a530cd5ef114fe23946e4b1ba522b52fb"


@pytest.mark.parametrize("status", list(ProofStatus))
def test_claims_come_back_equal(status: ProofStatus):
    claim = replace(NETWORK_CLAIM, proof_status=status)
    assert claim_from_proto(claim_to_proto(claim)) == claim
    assert encode_claim(claim).endswith(b"\x20" + bytes((status,))) == (status is not ProofStatus.PENDING)


def test_a_status_that_is_none_cannot_be_read():
    message = proof_pb2.Claim()
    message.MergeFromString(b"\x20\x07")
    with pytest.raises(ValueError, match="7"):
        claim_from_proto(message)


# --- when a proof is due ---


def require(
    threshold: int, probability: Fraction, claim: Claim = NETWORK_CLAIM, seed: bytes = NETWORK_SEED
) -> ProofRequirement:
    return compute_proof_requirement(
        claim,
        target=BASE_TARGET,
        shared_start=MAINNET.shared,
        proof_params=ProofParams(probability, Upokt(threshold), Upokt(1), Upokt(1)),
        seed_block_hash=seed,
    )


def test_a_claim_of_the_threshold_needs_a_proof():
    # 2600 compute units are worth 379 upokt.
    assert require(379, Fraction(0)) is ProofRequirement.THRESHOLD
    assert require(380, Fraction(0)) is ProofRequirement.NOT_REQUIRED
    assert require(379, Fraction(1)) is ProofRequirement.THRESHOLD
    assert require(380, Fraction(1)) is ProofRequirement.PROBABILISTIC


def test_chance_decides_below_the_threshold():
    sample = Fraction("0.15443973676668707")
    assert require(380, sample) is ProofRequirement.PROBABILISTIC
    assert require(380, Fraction("0.15443973676668704")) is ProofRequirement.NOT_REQUIRED
    assert require(380, Fraction("0.25")) is ProofRequirement.PROBABILISTIC
    # A claim whose proof was checked draws again, and may not have needed it.
    validated = replace(NETWORK_CLAIM, proof_status=ProofStatus.VALIDATED)
    assert require(380, Fraction("0.25"), validated) is ProofRequirement.NOT_REQUIRED


def test_chance_is_fair():
    claims = [
        replace(NETWORK_CLAIM, root=number.to_bytes(32, "big") + NETWORK_CLAIM.root[32:])
        for number in range(1000)
    ]
    asked = sum(
        require(380, Fraction("0.25"), claim) is not ProofRequirement.NOT_REQUIRED for claim in claims
    )
    assert 200 < asked < 300


# --- what is one ---

APPLICATION, GATEWAY, SUPPLIER = (make_key(name) for name in ("application", "gateway", "supplier"))
RING = (APPLICATION.public_key, GATEWAY.public_key)
HEADER = SessionHeader(APPLICATION.address, "text", "ab" * 32, Height(5), Height(8))
SEED = sha256(b"seed").digest()


def serve(relays: int = 5) -> ServedSession:
    return serve_session(HEADER, SUPPLIER, application=APPLICATION, gateway=GATEWAY, relays=relays)


SERVED = serve()
CLAIM = Claim(SUPPLIER.address, HEADER, SERVED.trie.root())
GOOD = encode_proof(SERVED.open(SEED))


def find_fault(proof: bytes = GOOD, **changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "claim": CLAIM,
        "header": HEADER,
        "seed_block_hash": SEED,
        "target": BASE_TARGET,
        "ring": RING,
        "supplier_public_key": SUPPLIER.public_key,
    }
    return find_proof_fault(proof, **facts | changes)


def find_refusal(proof: bytes = GOOD, **changes: Any) -> ProofFault | None:
    facts: dict[str, Any] = {"supplier_address": SUPPLIER.address, "header": HEADER, "target": BASE_TARGET}
    return find_submission_fault(proof, **facts | changes)


def find_lie(proof: bytes = GOOD, **changes: Any) -> str | None:
    facts: dict[str, Any] = {
        "claim": CLAIM,
        "seed_block_hash": SEED,
        "ring": RING,
        "supplier_public_key": SUPPLIER.public_key,
    }
    return find_validity_fault(proof, **facts | changes)


@pytest.mark.parametrize("relays", [1, 2, 3, 40])
@pytest.mark.parametrize("type_ids", [(64, 65, 66), (65, 66, 67)], ids=["recent Go", "old Go"])
def test_a_proof_that_holds(relays: int, type_ids: tuple[int, int, int]):
    served = serve(relays)
    claim = replace(CLAIM, root=served.trie.root())
    assert find_fault(encode_proof(served.open(SEED), type_ids), claim=claim) is None


def test_an_application_without_gateways_signs_with_the_placeholder():
    served = serve_session(HEADER, SUPPLIER, application=APPLICATION)
    claim = replace(CLAIM, root=served.trie.root())
    ring = (APPLICATION.public_key, PLACEHOLDER_PUBLIC_KEY)
    assert find_fault(served.prove(SEED).proof, claim=claim, ring=ring) is None
    assert find_fault(served.prove(SEED).proof, claim=claim, ring=ring[:1]) is not None


def open_good(**changes: Any) -> bytes:
    return encode_proof(replace(decode_proof(GOOD), **changes))


def prove_relay(change: Callable[[Relay], Relay | bytes]) -> bytes:
    """Return the proof of a session whose one relay was tampered with before it was mined."""
    relay = decode_relay(make_relay(HEADER, SUPPLIER, ring=RING, signer=GATEWAY))
    changed = change(relay)
    mined = changed if isinstance(changed, bytes) else encode_relay(changed.request, changed.response)
    trie = SessionTrie()
    trie.insert(compute_relay_hash(mined), mined, ComputeUnits(3000))
    return ServedSession(HEADER, SUPPLIER, trie).prove(SEED).proof


def with_request(relay: Relay, **changes: Any) -> Relay:
    return replace(relay, request=replace(relay.request, **changes))


def with_response(relay: Relay, **changes: Any) -> Relay:
    return replace(relay, response=replace(relay.response, **changes))


HEADERS = [
    replace(HEADER, application_address=GATEWAY.address),
    replace(HEADER, service_id="image"),
    replace(HEADER, session_id="cd" * 32),
    replace(HEADER, height_start=Height(6)),
    replace(HEADER, height_end=Height(9)),
]


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        (b"", 1108),
        (b"no gob", 1108),
        (GOOD[:-20], 1108),
        (open_good(path=bytes(31)), 1108),
        (open_good(depth=2**16), 1108),
        (open_good(closest_data=None), 1109),
        (open_good(closest_data=bytes(7)), 1108),
        (prove_relay(lambda _relay: b"no relay"), 1109),
        (prove_relay(lambda _relay: b""), 1109),
        (prove_relay(lambda relay: with_request(relay, signature=b"")), 1109),
        (prove_relay(lambda relay: with_request(relay, supplier_address="")), 1109),
        (prove_relay(lambda relay: with_request(relay, supplier_address=GATEWAY.address)), 1123),
        (prove_relay(lambda relay: with_response(relay, signature=b"")), 1109),
        *((prove_relay(lambda relay, one=one: with_request(relay, header=one)), 1109) for one in HEADERS),
        *((prove_relay(lambda relay, one=one: with_response(relay, header=one)), 1109) for one in HEADERS),
    ],
)
def test_what_is_refused_at_once(proof: bytes, code: int):
    refusal = find_refusal(proof)
    assert refusal is not None
    assert refusal.code == code
    assert find_fault(proof) == refusal.text


def test_a_relay_that_does_not_count_is_refused():
    relay = decode_proof(GOOD).value
    assert relay is not None
    digest = compute_relay_hash(relay)
    above = (int.from_bytes(digest, "big") + 1).to_bytes(32, "big")
    assert find_refusal(target=above) is None
    refusal = find_refusal(target=digest)
    assert refusal is not None
    assert refusal.code == 1130


def test_the_order_of_the_questions():
    """The first that fails speaks: supplier before headers, headers before difficulty."""
    wrong = prove_relay(lambda relay: with_request(relay, supplier_address="", header=HEADERS[1]))
    refusal = find_refusal(wrong, target=bytes(32))
    assert refusal is not None
    assert "names no supplier" in refusal.text
    refusal = find_refusal(
        prove_relay(lambda relay: with_request(relay, header=HEADERS[1])), target=bytes(32)
    )
    assert refusal is not None
    assert "request is not of session" in refusal.text


STRANGER = make_key("stranger")


@pytest.mark.parametrize(
    ("proof", "changes", "text"),
    [
        (GOOD, {"ring": (APPLICATION.public_key,)}, "not in the application's ring"),
        (GOOD, {"ring": ()}, "not in the application's ring"),
        (GOOD, {"supplier_public_key": STRANGER.public_key}, "not signed by the supplier"),
        (GOOD, {"seed_block_hash": bytes(32)}, "the seed block decides"),
        (GOOD, {"claim": replace(CLAIM, root=CLAIM.root[:-1] + b"\x06")}, "root of the claim"),
        (
            prove_relay(lambda relay: with_request(relay, payload=b"another prompt")),
            {},
            "not one over this request",
        ),
        (prove_relay(lambda relay: with_request(relay, signature=bytes(3))), {}, "cannot be read"),
        (
            prove_relay(lambda relay: with_response(relay, payload_hash=bytes(32))),
            {},
            "not signed by the supplier",
        ),
        (
            prove_relay(lambda relay: replace(relay, response=sign_response(HEADER, b"an answer", STRANGER))),
            {},
            "not signed by the supplier",
        ),
        (open_good(side_nodes=(b"\1" * 48,) * len(decode_proof(GOOD).side_nodes)), {}, "root of the claim"),
        (open_good(closest_path=bytes(32)), {}, "root of the claim"),
        (b"no gob", {}, "cannot be read"),
    ],
)
def test_what_does_not_hold(proof: bytes, changes: dict[str, Any], text: str):
    fault = find_lie(proof, **changes)
    assert fault is not None
    assert text in fault


def test_signatures_are_asked_before_the_path_and_the_path_before_the_root():
    wrong = {"seed_block_hash": bytes(32), "claim": replace(CLAIM, root=bytes(48))}
    fault = find_lie(supplier_public_key=STRANGER.public_key, ring=(), **wrong)
    assert fault is not None
    assert "ring" in fault
    fault = find_lie(**wrong)
    assert fault is not None
    assert "seed" in fault


def test_what_the_reference_lets_through():
    """Any leaf will do: a proof of depth zero holds for every path, and the path of a leaf is free."""
    opened: ClosestProof = decode_proof(GOOD)
    other = compute_proof_path(bytes(32), HEADER.session_id)
    forged = encode_proof(replace(opened, path=other, depth=0, flipped_bits=()))
    assert find_fault(forged, seed_block_hash=bytes(32)) is None
    relay = make_relay(HEADER, SUPPLIER, ring=RING, signer=GATEWAY)
    elsewhere = SessionTrie()
    elsewhere.insert(b"not the relay's hash", relay, ComputeUnits(3000))
    served = ServedSession(HEADER, SUPPLIER, elsewhere)
    assert find_fault(served.prove(SEED).proof, claim=replace(CLAIM, root=elsewhere.root())) is None
