"""`joey keys`: make, import and look at keys, encrypted at rest."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

import click

from joey.adapters.keyrings.encrypted import KeyRecord, KeySecret, write_key_file
from joey.adapters.keyrings.folder import KeyFolder, StoredKey
from joey.adapters.keyrings.mnemonics import check_mnemonic, compute_seed, make_mnemonic
from joey.cli.key_options import (
    KEYS,
    PASSPHRASE_FILE,
    confirm,
    find_keys_folder,
    is_terminal,
    make_passphrase_question,
    read_new_passphrase,
)
from joey.cli.printing import JSON, Document, print_document, print_pairs, print_table
from joey.core.crypto.derivation import (
    COIN_TYPE_COSMOS,
    COIN_TYPE_POKT,
    derive_path,
    format_account_path,
)
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError

__all__ = ["keys"]

_SECRET_BYTES_MAX = 4096
_HEX = re.compile(r"[0-9A-Fa-f]{64}")

_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="A data folder: its keys/, with the plain keys of `joey up`.",
)
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_YES_REVEAL = click.option("--yes", is_flag=True, help="With --reveal: print without asking.")
_COIN_TYPE = click.option(
    "--coin-type",
    type=click.IntRange(0, 2**31 - 1),
    default=COIN_TYPE_POKT,
    show_default=True,
    help="635 is POKT's; a wallet that was not told so may have used Cosmos' 118.",
)


@click.group()
def keys() -> None:
    """Make, import and look at keys.

    A key is one file, NAME.json, mode 0600, encrypted under a passphrase. Its private key and mnemonic
    are printed by `show --reveal` and `new --reveal` and by nothing else.
    """


@keys.command()
@click.argument("name")
@KEYS
@_DATA
@PASSPHRASE_FILE
@_COIN_TYPE
@click.option("--reveal", is_flag=True, help="Print the 24 words, once, to be written on paper.")
@_YES_REVEAL
@JSON
def new(
    name: str,
    keys_path: Path | None,
    data: Path | None,
    passphrase_file: Path | None,
    coin_type: int,
    reveal: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make the key NAME from 24 new words."""
    folder = find_keys_folder(keys_path, data)
    path = folder.place(name)
    if path.exists():
        raise ConfigError(f"there is a key at {path} already: choose another name")
    if reveal:
        confirm(_REVEAL_QUESTION, yes=yes)
    mnemonic = make_mnemonic(secrets.token_bytes(32))
    derivation_path = format_account_path(coin_type)
    secret = KeySecret(derive_path(compute_seed(mnemonic), derivation_path), mnemonic)
    passphrase = read_new_passphrase(passphrase_file)
    record = write_key_file(path, secret, passphrase, name=name, derivation_path=derivation_path)
    _print_key(StoredKey(path, is_plain=False, record=record), secret if reveal else None, as_json=as_json)
    if not reveal and not as_json:
        click.echo(f"Back it up: `joey keys show {name} --reveal` prints its words.", err=True)


@keys.command("import")
@click.argument("name")
@click.option(
    "--file", "source", type=click.Path(path_type=Path), help="Read the secret from a file; - is stdin."
)
@KEYS
@_DATA
@PASSPHRASE_FILE
@_COIN_TYPE
@_YES
@JSON
def import_key(
    name: str,
    source: Path | None,
    keys_path: Path | None,
    data: Path | None,
    passphrase_file: Path | None,
    coin_type: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Import the key NAME: 64 hex digits, or a mnemonic of 12 to 24 words.

    It is asked for at a terminal, or read from --file. The address is shown before anything is written:
    compare it. Of a mnemonic, the path is m/44'/635'/0'/0/0; which coin type a wallet used cannot be
    seen from the words, so the address of the other common one, 118, is shown too.
    """
    folder = find_keys_folder(keys_path, data)
    path = folder.place(name)
    if path.exists():
        raise ConfigError(f"there is a key at {path} already: choose another name")
    text = _read_secret_text(source)
    derivation_path = ""
    if len(text.split()) == 1:
        secret = KeySecret(_read_hex(text))
        click.echo(f"address  {secret.key.address}", err=True)
    else:
        mnemonic = check_mnemonic(text)
        seed = compute_seed(mnemonic)
        derivation_path = format_account_path(coin_type)
        secret = KeySecret(derive_path(seed, derivation_path), mnemonic)
        click.echo(f"address  {secret.key.address}  {derivation_path}", err=True)
        other = COIN_TYPE_COSMOS if coin_type == COIN_TYPE_POKT else COIN_TYPE_POKT
        other_path = format_account_path(other)
        click.echo(
            f"other coin type {other}: {derive_path(seed, other_path).address}  {other_path}",
            err=True,
        )
    confirm("Import this address?", yes=yes)
    passphrase = read_new_passphrase(passphrase_file)
    record = write_key_file(path, secret, passphrase, name=name, derivation_path=derivation_path)
    _print_key(StoredKey(path, is_plain=False, record=record), None, as_json=as_json)


@keys.command(short_help="Print the address and the public key of a key.")
@click.argument("name")
@KEYS
@_DATA
@PASSPHRASE_FILE
@click.option("--reveal", is_flag=True, help="Print the private key, and the words it came from.")
@_YES_REVEAL
@JSON
def show(
    name: str,
    keys_path: Path | None,
    data: Path | None,
    passphrase_file: Path | None,
    reveal: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Print the address and the public key of the key NAME; the passphrase is needed for --reveal only."""
    folder = find_keys_folder(keys_path, data)
    stored = folder.find(name)
    secret = None
    if reveal:
        confirm(_REVEAL_QUESTION, yes=yes)
        secret = folder.open(name, make_passphrase_question(f"key {name}", passphrase_file))
    _print_key(stored, secret, as_json=as_json)


@keys.command("list", short_help="List the keys of a folder.")
@KEYS
@_DATA
@JSON
def list_keys(keys_path: Path | None, data: Path | None, as_json: bool) -> None:
    """List the keys of a folder: name, address, and whether the file is encrypted or plain."""
    folder = find_keys_folder(keys_path, data)
    if not folder.path.is_dir():
        raise ConfigError(f"there is no folder {folder.path.absolute()}: `joey keys new NAME` makes it")
    found = folder.list()
    print_document(
        [_describe_key(stored) for stored in found],
        as_json=as_json,
        show=lambda: _print_list(folder, found),
    )
    faults = [stored.fault for stored in found if stored.fault]
    for fault in faults:
        click.echo(f"joey: {fault}", err=True)
    if faults:
        raise click.exceptions.Exit(1)


_REVEAL_QUESTION = "Whoever sees what comes now can take everything the key holds. Print it?"


def _read_secret_text(source: Path | None) -> str:
    """Return what is to be imported; errors do not repeat it."""
    if source is None:
        if not is_terminal():
            raise ConfigError("there is no terminal to ask at: name the secret's file, or --file - for stdin")
        return str(click.prompt("Private key (64 hex digits) or mnemonic", hide_input=True, err=True))
    try:
        if str(source) == "-":
            data = sys.stdin.buffer.read(_SECRET_BYTES_MAX)
        else:
            with source.open("rb") as file:
                data = file.read(_SECRET_BYTES_MAX)
        if not data.strip():
            raise ConfigError(f"{'stdin' if str(source) == '-' else source} is empty: nothing to import")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{source} holds neither 64 hex digits nor a mnemonic") from None


def _read_hex(text: str) -> PrivateKey:
    digits = text.strip().removeprefix("0x")
    try:
        return PrivateKey.from_hex(digits)
    except ValueError:
        if _HEX.fullmatch(digits):
            raise ConfigError(
                "these 64 hex digits are not a private key: it is neither zero nor above the curve's order"
            ) from None
        raise ConfigError("the secret is neither a private key of 64 hex digits nor a mnemonic") from None


def _describe_key(stored: StoredKey) -> Document:
    record: KeyRecord = stored.record
    described: Document = {
        "name": record.name,
        "address": record.address,
        "public_key": record.public_key.hex(),
        "derivation_path": record.derivation_path,
        "is_encrypted": not stored.is_plain,
        "path": str(stored.path),
    }
    return {**described, "fault": stored.fault} if stored.fault else described


def _print_key(stored: StoredKey, secret: KeySecret | None, *, as_json: bool) -> None:
    document = _describe_key(stored)
    pairs = [
        ("name", stored.record.name),
        ("address", stored.record.address),
        ("public key", stored.record.public_key.hex()),
        ("file", f"{stored.path} ({_format_kind(stored)})"),
    ]
    if stored.record.derivation_path:
        pairs.append(("path", stored.record.derivation_path))
    if secret is not None:
        document |= {"private_key": secret.key.secret.hex(), "mnemonic": secret.mnemonic}
        pairs.append(("private key", secret.key.secret.hex()))
        if secret.mnemonic:
            pairs.append(("mnemonic", secret.mnemonic))
    print_document(document, as_json=as_json, show=lambda: print_pairs(pairs))


def _print_list(folder: KeyFolder, found: tuple[StoredKey, ...]) -> None:
    if not found:
        click.echo(f"there are no keys in {folder.path}", err=True)
        return
    rows = [
        (stored.record.name, stored.record.address or "damaged", _format_kind(stored)) for stored in found
    ]
    print_table(("name", "address", "kind"), rows, numbers=set())


def _format_kind(stored: StoredKey) -> str:
    if stored.fault:
        return "unusable"
    return "plain" if stored.is_plain else "encrypted"
