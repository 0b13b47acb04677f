"""The committed modules are what protoc makes of the committed definitions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import joey.core.wire.proto

FOLDER = Path(joey.core.wire.proto.__file__).parent
ROOT = FOLDER.parents[3]


def test_regeneration_gives_the_committed_files(tmp_path: Path) -> None:
    definitions = sorted(FOLDER.glob("*.proto"))
    assert definitions
    subprocess.run([sys.executable, "-m", "joey.core.wire.proto", str(tmp_path)], cwd=ROOT, check=True)

    made = {path.name: path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    committed = {path.name: path.read_text() for path in FOLDER.glob("*_pb2.py*")}
    assert made == committed
    assert len(made) == 2 * len(definitions)


def test_names_and_numbers_are_the_networks() -> None:
    from joey.core.wire.proto import http_pb2, proof_pb2, relay_pb2, session_pb2

    def numbers(descriptor: object) -> dict[str, int]:
        return {field.name: field.number for field in descriptor.fields}  # type: ignore[attr-defined]

    assert relay_pb2.RelayResponse.DESCRIPTOR.full_name == "pocket.service.RelayResponse"
    assert numbers(relay_pb2.RelayResponse.DESCRIPTOR) == {
        "meta": 1, "payload": 2, "relay_miner_error": 3, "payload_hash": 4,
    }  # fmt: skip
    assert numbers(relay_pb2.RelayRequestMetadata.DESCRIPTOR) == {
        "session_header": 1, "signature": 2, "supplier_operator_address": 3,
    }  # fmt: skip
    assert session_pb2.SessionHeader.DESCRIPTOR.full_name == "pocket.session.SessionHeader"
    assert numbers(http_pb2.POKTHTTPRequest.DESCRIPTOR) == {"method": 1, "header": 2, "url": 3, "body_bz": 4}
    assert numbers(proof_pb2.Claim.DESCRIPTOR)["root_hash"] == 3


def test_elsewhere_there_is_nothing_to_compile(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "joey.core.wire.proto"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "root of the repository" in done.stderr
