"""`joey keys`: what it prints, what it never prints, and what it writes."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from joey.adapters.keyrings.encrypted import read_key_secret
from joey.adapters.keyrings.mnemonics import check_mnemonic
from joey.cli.keys import keys
from joey.core.errors import ConfigError
from joey.testing.worlds import make_key

PASSPHRASE = "correct horse"
KEY = make_key("canary")
KNOWN = "abandon " * 11 + "about"
ADDRESS_118 = "pokt19rl4cm2hmr8afy4kldpxz3fka4jguq0apxjfrd"


def run(folder: Path, *arguments: str, stdin: str | None = None, passphrase: str = PASSPHRASE) -> Result:
    environment = {"JOEY_PASSPHRASE": passphrase or None}
    return CliRunner().invoke(
        keys, [*arguments, "--keys", str(folder)], input=stdin, env=environment, catch_exceptions=True
    )


def refused(result: Result) -> str:
    assert isinstance(result.exception, ConfigError), result.output
    return result.exception.message


def test_new_makes_an_encrypted_key_of_24_words(tmp_path: Path) -> None:
    result = run(tmp_path / "keys", "new", "owner")
    assert result.exit_code == 0, result.output
    path = tmp_path / "keys" / "owner.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    secret = read_key_secret(path, PASSPHRASE)
    assert len(check_mnemonic(secret.mnemonic).split()) == 24
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line)
    assert lines["address"] == secret.key.address
    assert lines["path"] == "m/44'/635'/0'/0/0"
    for canary in (secret.key.secret.hex(), secret.mnemonic, PASSPHRASE):
        assert canary not in result.output


def test_a_name_is_used_once(tmp_path: Path) -> None:
    assert run(tmp_path, "new", "owner").exit_code == 0
    before = (tmp_path / "owner.json").read_bytes()
    assert "choose another name" in refused(run(tmp_path, "new", "owner"))
    assert "choose another name" in refused(
        run(tmp_path, "import", "owner", "--yes", "--file", "-", stdin="00")
    )
    assert (tmp_path / "owner.json").read_bytes() == before


def test_show_needs_no_passphrase_and_reveal_needs_it(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "new", "owner", "--json").stdout)
    shown = json.loads(run(tmp_path, "show", "owner", "--json", passphrase="").stdout)
    assert shown == made
    assert shown["is_encrypted"] is True
    assert set(shown) == {"name", "address", "public_key", "derivation_path", "is_encrypted", "path"}
    assert "no terminal" in refused(run(tmp_path, "show", "owner", "--reveal"))
    assert "no terminal" in refused(run(tmp_path, "show", "owner", "--reveal", "--yes", passphrase=""))
    assert "wrong passphrase" in refused(run(tmp_path, "show", "owner", "--reveal", "--yes", passphrase="no"))
    revealed = json.loads(run(tmp_path, "show", "owner", "--reveal", "--yes", "--json").stdout)
    secret = read_key_secret(tmp_path / "owner.json", PASSPHRASE)
    assert (revealed["private_key"], revealed["mnemonic"]) == (secret.key.secret.hex(), secret.mnemonic)


def test_new_reveals_its_words_when_asked(tmp_path: Path) -> None:
    result = run(tmp_path, "new", "owner", "--reveal", "--yes")
    assert read_key_secret(tmp_path / "owner.json", PASSPHRASE).mnemonic in result.stdout


@pytest.mark.parametrize("text", [KEY.secret.hex(), f" 0x{KEY.secret.hex().upper()}\n"])
def test_import_of_hex(tmp_path: Path, text: str) -> None:
    result = run(tmp_path, "import", "owner", "--yes", "--file", "-", stdin=text)
    assert result.exit_code == 0, result.output
    assert KEY.address in result.stdout
    assert KEY.secret.hex() not in result.output.lower()
    secret = read_key_secret(tmp_path / "owner.json", PASSPHRASE)
    assert (secret.key, secret.mnemonic) == (KEY, "")


def test_import_of_a_mnemonic_shows_both_addresses_first(tmp_path: Path) -> None:
    source = tmp_path / "words"
    source.write_text(KNOWN)
    result = run(tmp_path, "import", "owner", "--yes", "--file", str(source), "--coin-type", "118")
    assert result.exit_code == 0, result.output
    assert f"address  {ADDRESS_118}  m/44'/118'/0'/0/0" in result.stderr
    assert "other coin type 635: " in result.stderr
    assert "abandon" not in result.output
    assert read_key_secret(tmp_path / "owner.json", PASSPHRASE).key.address == ADDRESS_118


def test_import_says_what_is_wrong_and_repeats_nothing(tmp_path: Path) -> None:
    for text, says in {
        "00" * 32: "neither",
        KEY.secret.hex()[:-1]: "neither",
        "abandon " * 12: "checksum",
        KNOWN.replace("about", "aboot"): "word 12",
        "": "stdin is empty",
    }.items():
        result = run(tmp_path, "import", "owner", "--yes", "--file", "-", stdin=text)
        message = refused(result)
        assert says in message
        assert not text or text.strip() not in message
    assert list(tmp_path.iterdir()) == []


def test_import_asks_before_it_writes(tmp_path: Path) -> None:
    result = run(tmp_path, "import", "owner", "--file", "-", stdin=KEY.secret.hex())
    assert "say --yes" in refused(result)
    assert KEY.address in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_list_shows_encrypted_plain_and_damaged(tmp_path: Path) -> None:
    run(tmp_path, "new", "owner")
    (tmp_path / "plain.hex").write_text(KEY.secret.hex())
    (tmp_path / "torn.json").write_text('{"version": 1')
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [(one["name"], one["is_encrypted"]) for one in listed[:2]] == [("owner", True), ("plain", False)]
    assert "damaged" in listed[2]["fault"]
    result = run(tmp_path, "list")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["name", "address", "kind"]
    assert rows[1] == ["owner", listed[0]["address"], "encrypted"]
    assert rows[2] == ["plain", KEY.address, "plain"]
    assert (rows[3][0], rows[3][-1]) == ("torn", "unusable")
    assert KEY.secret.hex() not in result.output


def test_a_plain_key_can_be_revealed_without_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "plain.hex").write_text(KEY.secret.hex())
    result = run(tmp_path, "show", "plain", "--reveal", "--yes", passphrase="")
    assert KEY.secret.hex() in result.stdout


def test_an_empty_folder_and_the_data_folder(tmp_path: Path) -> None:
    assert "there is no folder" in refused(run(tmp_path / "none", "list", "--json"))
    (tmp_path / "none").mkdir()
    assert json.loads(run(tmp_path / "none", "list", "--json").stdout) == []
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "faucet.hex").write_text(KEY.secret.hex())
    result = CliRunner().invoke(keys, ["list", "--data", str(tmp_path)])
    assert KEY.address in result.stdout
    environment = {"XDG_DATA_HOME": str(tmp_path / "xdg"), "JOEY_PASSPHRASE": PASSPHRASE}
    assert CliRunner().invoke(keys, ["new", "mine"], env=environment).exit_code == 0
    assert (tmp_path / "xdg" / "joey" / "keys" / "mine.json").is_file()


def test_the_passphrase_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("from a file\nsecond line\n")
    arguments = ("new", "owner", "--passphrase-file", str(secret))
    assert run(tmp_path / "keys", *arguments).exit_code == 0
    assert read_key_secret(tmp_path / "keys" / "owner.json", "from a file")
    secret.write_text("\n")
    assert "holds no passphrase" in refused(run(tmp_path / "keys", "new", "second", *arguments[2:]))
    assert "at least 8" in refused(run(tmp_path / "keys", "new", "second", passphrase="short"))
    assert "no terminal" in refused(run(tmp_path / "keys", "new", "second", passphrase=""))


def test_at_a_terminal_the_passphrase_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    output = converse(tmp_path, ["new", "owner"], [PASSPHRASE, PASSPHRASE])
    assert "New passphrase" in output
    assert "The same again" in output
    assert PASSPHRASE not in output
    assert read_key_secret(tmp_path / "owner.json", PASSPHRASE)
    output = converse(tmp_path, ["new", "second"], [PASSPHRASE, PASSPHRASE + "!"])
    assert "differ" in output
    assert not (tmp_path / "second.json").exists()


def test_at_a_terminal_import_asks_for_the_secret_and_to_go_on(tmp_path: Path) -> None:
    output = converse(tmp_path, ["import", "owner"], [KEY.secret.hex(), "n"])
    assert KEY.address in output
    assert KEY.secret.hex() not in output
    assert not (tmp_path / "owner.json").exists()
    converse(tmp_path, ["import", "owner"], [KEY.secret.hex(), "y", PASSPHRASE, PASSPHRASE])
    assert read_key_secret(tmp_path / "owner.json", PASSPHRASE).key == KEY


def converse(folder: Path, arguments: list[str], answers: list[str]) -> str:
    """Run `joey keys` at a terminal of its own, give an answer to each question, return what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "joey", "keys", *arguments, "--keys", str(folder)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={key: value for key, value in os.environ.items() if key != "JOEY_PASSPHRASE"},
    )
    os.close(theirs)
    shown, waiting = "", list(answers)
    try:
        # On Linux, reading fails once the other side is gone.
        while select.select([ours], [], [], 60)[0] and (data := _read(ours)):
            shown += data
            # The space comes after the echo was turned off; what is sent before that is thrown away.
            if waiting and shown.endswith(": "):
                os.write(ours, f"{waiting.pop(0)}\n".encode())
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return shown


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode()
    except OSError:
        return ""
