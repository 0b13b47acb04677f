"""Full nodes over TLS: with the authority that is given, and not without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from joey.adapters.chains.shannon import open_shannon_chain
from joey.core.errors import ChainUnavailable, ConfigError
from joey.testing.full_node_double import ScriptedNetwork, ScriptedNode, serve_node
from joey.testing.worlds import make_key

pytestmark = pytest.mark.anyio


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain_file, key_file = folder / "chain.pem", folder / "key.pem"
    chain_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain_file, key_file


async def test_a_node_is_trusted_by_the_given_authority_alone(tmp_path: Path) -> None:
    key = make_key("sender")
    certificate = make_certificate(tmp_path)
    with anyio.fail_after(30):
        async with serve_node(ScriptedNode(ScriptedNetwork(key)), certificate=certificate) as node:
            urls = [node.grpc_url], [node.rpc_url]
            assert node.grpc_url.startswith("https://")
            assert node.rpc_url.startswith("https://")
            async with open_shannon_chain(*urls, ca_file=certificate[0]) as chain:
                assert (await chain.head()).height == 1
                assert await chain.public_key(key.address) is None
            with pytest.raises(ChainUnavailable):
                async with open_shannon_chain(*urls, request_timeout_s=1.0):
                    pass


async def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        async with open_shannon_chain(
            ["https://localhost:1"], ["https://localhost:1"], ca_file=tmp_path / "nothing.pem"
        ):
            pass
