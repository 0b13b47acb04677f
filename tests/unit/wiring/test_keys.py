from __future__ import annotations

from pathlib import Path

import pytest

from joey.adapters.keyrings.encrypted import KeySecret, write_key_file
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError
from joey.wiring.keys import read_key, read_secret

KEY = PrivateKey.from_hex("17" * 32)
PASSPHRASE = "correct horse"


def test_a_key_in_hexadecimal_from_a_file_and_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.hex"
    path.write_text("17" * 32 + "\n")
    monkeypatch.setenv("A_KEY", f" {'17' * 32} ")
    assert read_key(f"file:{path}", "gateway.key") == KEY
    assert read_key("env:A_KEY", "gateway.key") == KEY


def test_an_encrypted_key_opens_with_the_passphrase_that_is_referred_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.json"
    write_key_file(path, KeySecret(KEY), PASSPHRASE, name="key")
    monkeypatch.setenv("JOEY_PASSPHRASE", PASSPHRASE)
    assert read_key(f"file:{path}", "gateway.key") == KEY
    kept = tmp_path / "passphrase"
    kept.write_text(f"{PASSPHRASE}\n")
    monkeypatch.delenv("JOEY_PASSPHRASE")
    assert read_key(f"file:{path}", "gateway.key", passphrase=f"file:{kept}") == KEY
    with pytest.raises(ConfigError, match=r"keys\.passphrase refers to the variable JOEY_PASSPHRASE"):
        read_key(f"file:{path}", "gateway.key")
    monkeypatch.setenv("JOEY_PASSPHRASE", "wrong battery")
    with pytest.raises(ConfigError, match="wrong passphrase") as caught:
        read_key(f"file:{path}", "gateway.key")
    assert "battery" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("", "gateway.key is missing: refer to a key, such as file:keys/NAME.hex or env:NAME"),
        ("env:NOT_SET_ANYWHERE", "gateway.key refers to the variable NOT_SET_ANYWHERE, which is not set"),
        ("file:/no/such/file", "which cannot be read: No such file or directory"),
        ("file:", "gateway.key must be a reference"),
        ("17" * 32, "gateway.key must be a reference"),
    ],
)
def test_what_leads_to_nothing_names_the_setting(reference: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read_key(reference, "gateway.key")
    assert "17" * 32 not in str(caught.value)


@pytest.mark.parametrize("text", ["18" * 31, "00" * 32, "hunter2", "{broken"])
def test_what_is_no_key_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("JOEY_PASSPHRASE", PASSPHRASE)
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_key(f"file:{path}", "node[0].supplier_key")
    assert text not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_secret_file_that_is_empty_or_no_text(tmp_path: Path) -> None:
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.write_text("\n")
    broken.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="which is empty"):
        read_secret(f"file:{empty}", "gateway.api_keys[0]")
    with pytest.raises(ConfigError, match="which is not text"):
        read_secret(f"file:{broken}", "gateway.api_keys[0]")
