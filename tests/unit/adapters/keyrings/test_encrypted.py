from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from joey.adapters.keyrings.encrypted import (
    KeySecret,
    read_key_file,
    read_key_record,
    read_key_secret,
    read_key_text,
    write_key_file,
)
from joey.adapters.keyrings.folder import KeyFolder
from joey.core.errors import ConfigError
from joey.testing.worlds import make_key

PASSPHRASE = "correct horse"
KEY = make_key("canary")
OTHER = make_key("other")
MNEMONIC = "canary words"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("keys") / "canary.json"
    record = write_key_file(path, KeySecret(KEY, MNEMONIC), PASSPHRASE, name="canary", derivation_path="m/1")
    assert record == read_key_record(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["canary.json"]
    return path.read_text()


def place(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "canary.json"
    path.write_text(text)
    return path


def change(written: str, **fields: Any) -> str:
    return json.dumps({**json.loads(written), **fields})


def test_what_was_written_is_read(tmp_path: Path, written: str) -> None:
    path = place(tmp_path, written)
    secret = read_key_secret(path, PASSPHRASE)
    assert (secret.key, secret.mnemonic) == (KEY, MNEMONIC)
    assert read_key_file(path, PASSPHRASE) == KEY
    assert read_key_text(written, PASSPHRASE, "env:KEY") == KEY
    assert KEY.secret.hex() not in repr(secret)
    record = read_key_record(path)
    assert (record.name, record.address, record.public_key) == ("canary", KEY.address, KEY.public_key)


def test_nothing_secret_stands_in_the_file(written: str) -> None:
    assert KEY.secret.hex() not in written
    assert MNEMONIC not in written
    stretching = json.loads(written)["stretching"]
    assert stretching["n"] >= 2**15


def test_two_files_of_one_key_share_nothing(tmp_path: Path, written: str) -> None:
    again = tmp_path / "again.json"
    write_key_file(again, KeySecret(KEY, MNEMONIC), PASSPHRASE, name="canary", derivation_path="m/1")
    first, second = json.loads(written), json.loads(again.read_text())
    for name in ("nonce", "sealed", "check"):
        assert first[name] != second[name]


def test_a_passphrase_counts_in_its_composed_form(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    write_key_file(path, KeySecret(KEY), "cafe\u0301 au lait", name="e")
    assert read_key_file(path, "caf\u00e9 au lait") == KEY


def test_a_wrong_passphrase_is_said_to_be_one(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"wrong passphrase for .*canary\.json"):
        read_key_file(place(tmp_path, written), PASSPHRASE + "!")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "other"},
        {"derivation_path": "m/2"},
        {"address": OTHER.address, "public_key": OTHER.public_key.hex()},
        {"extra": 1},
    ],
)
def test_no_clear_field_can_be_swapped(tmp_path: Path, written: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="damaged or altered"):
        read_key_file(place(tmp_path, change(written, **fields)), PASSPHRASE)


def test_an_address_that_is_not_the_public_keys(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match="damaged or altered"):
        read_key_record(place(tmp_path, change(written, address=OTHER.address)))


def test_a_bit_of_the_sealed_part(tmp_path: Path, written: str) -> None:
    sealed = bytearray(bytes.fromhex(json.loads(written)["sealed"]))
    sealed[3] ^= 1
    with pytest.raises(ConfigError, match="damaged or altered") as caught:
        read_key_file(place(tmp_path, change(written, sealed=sealed.hex())), PASSPHRASE)
    assert sealed.hex() not in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', "\xff", "[" * 70_000])
def test_what_is_no_key_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "canary.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="is damaged"):
        read_key_record(path)


def test_a_file_cut_short(tmp_path: Path, written: str) -> None:
    for length in range(0, len(written) - 2, 37):
        with pytest.raises(ConfigError, match="damaged"):
            read_key_file(place(tmp_path, written[:length]), PASSPHRASE)


@pytest.mark.parametrize(
    "stretching",
    [
        {"n": 2**21},
        {"n": 2**15 + 2},
        {"n": 16},
        {"r": 1024},
        {"p": 0},
        {"n": "32768"},
        {"n": True},
        {"name": "argon2"},
    ],
)
def test_a_file_cannot_ask_for_all_memory(tmp_path: Path, written: str, stretching: dict[str, Any]) -> None:
    asked = {**json.loads(written)["stretching"], **stretching}
    with pytest.raises(ConfigError, match="does not know"):
        read_key_file(place(tmp_path, change(written, stretching=asked)), PASSPHRASE)


def test_another_version(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match="is not a version-1 key file"):
        read_key_record(place(tmp_path, change(written, version=2)))


def test_a_key_is_never_overwritten(tmp_path: Path, written: str) -> None:
    path = place(tmp_path, written)
    with pytest.raises(ConfigError, match="there is a key"):
        write_key_file(path, KeySecret(OTHER), PASSPHRASE, name="canary")
    assert path.read_text() == written
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_key_file(tmp_path / "file" / "a.json", KeySecret(KEY), PASSPHRASE, name="a")
    with pytest.raises(ConfigError, match="cannot read"):
        read_key_file(tmp_path / "file" / "a.json", PASSPHRASE)


def ask() -> str:
    return PASSPHRASE


def never() -> str:
    raise AssertionError("a plain key needs no passphrase")


def test_a_folder_lists_both_kinds_and_what_is_damaged(tmp_path: Path, written: str) -> None:
    place(tmp_path, written)
    (tmp_path / "plain.hex").write_text(OTHER.secret.hex() + "\n")
    (tmp_path / "broken.hex").write_text("00")
    (tmp_path / "api-key").write_text("joey-0")
    folder = KeyFolder(tmp_path)
    broken, canary, plain = folder.list()
    assert (canary.record.address, canary.is_plain) == (KEY.address, False)
    assert (plain.record.address, plain.is_plain) == (OTHER.address, True)
    assert broken.fault
    assert broken.record.address == ""
    assert folder.open("canary", ask).key == KEY
    assert folder.open("plain", never).key == OTHER
    with pytest.raises(ConfigError, match="64 hex digits"):
        folder.find("broken")


def test_names_of_a_folder(tmp_path: Path, written: str) -> None:
    folder = KeyFolder(tmp_path / "none")
    assert folder.list() == ()
    with pytest.raises(ConfigError, match="there is no key canary"):
        folder.find("canary")
    for name in ("../canary", "", "a b", "-x", "x" * 65):
        with pytest.raises(ConfigError, match="is named by"):
            folder.find(name)
        with pytest.raises(ConfigError, match="is named by"):
            folder.place(name)
    place(tmp_path, written)
    (tmp_path / "canary.hex").write_text(KEY.secret.hex())
    with pytest.raises(ConfigError, match="both"):
        KeyFolder(tmp_path).find("canary")
    with pytest.raises(ConfigError, match="plain key"):
        KeyFolder(tmp_path).place("canary")
    (tmp_path / "renamed.json").write_text(written)
    assert KeyFolder(tmp_path).find("renamed").record.name == "renamed"
    assert KeyFolder(tmp_path).open("renamed", lambda: PASSPHRASE).key == KEY
