"""Where keys are and how they are opened: options and questions that several commands share.

A passphrase comes from a file, from JOEY_PASSPHRASE, or is asked for at a terminal. It is never an
argument: those can be read by every process of the machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from joey.adapters.keyrings.folder import KeyFolder
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError
from joey.wiring.keys import read_key

__all__ = [
    "KEYS",
    "PASSPHRASE_FILE",
    "confirm",
    "find_keys_folder",
    "is_terminal",
    "make_passphrase_question",
    "read_new_passphrase",
    "read_signer",
]

_PASSPHRASE_LENGTH_MIN = 8
_VARIABLE = "JOEY_PASSPHRASE"

KEYS = click.option(
    "--keys",
    "keys_path",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of keys [~/.local/share/joey/keys, or keys/ in --data].",
)
PASSPHRASE_FILE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file whose first line is the passphrase [variable JOEY_PASSPHRASE, or asked for].",
)


def find_keys_folder(keys_path: Path | None, data: Path | None) -> KeyFolder:
    """Return the folder of keys: the one named, else that of the data folder, else the user's own."""
    if keys_path is not None:
        return KeyFolder(keys_path)
    if data is not None:
        return KeyFolder(data / "keys")
    home = os.environ.get("XDG_DATA_HOME", "")
    return KeyFolder((Path(home) if home else Path.home() / ".local" / "share") / "joey" / "keys")


def read_signer(reference: str, keys: KeyFolder, passphrase_file: Path | None) -> PrivateKey:
    """Return the key that signs: a name in the folder, or `file:PATH` or `env:NAME`."""
    if ":" in reference:
        passphrase = {} if passphrase_file is None else {"passphrase": f"file:{passphrase_file}"}
        return read_key(reference, "--from", **passphrase)
    return keys.open(reference, make_passphrase_question(f"key {reference}", passphrase_file)).key


def make_passphrase_question(what: str, passphrase_file: Path | None) -> Callable[[], str]:
    """Return what finds the passphrase of an existing key, when and if it is needed."""

    def ask() -> str:
        given = _find_given(passphrase_file)
        return given if given is not None else _prompt(f"Passphrase of {what}")

    return ask


def read_new_passphrase(passphrase_file: Path | None) -> str:
    """Return the passphrase for a new key; at a terminal it is asked for twice."""
    passphrase = _find_given(passphrase_file)
    if passphrase is None:
        passphrase = _prompt("New passphrase")
        if _prompt("The same again") != passphrase:
            raise ConfigError("the two passphrases differ: nothing was written")
    if len(passphrase) < _PASSPHRASE_LENGTH_MIN:
        raise ConfigError(f"a passphrase has at least {_PASSPHRASE_LENGTH_MIN} characters")
    return passphrase


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless `--yes` has answered. Raises `ConfigError` without a terminal, `Abort` for a no."""
    if yes:
        return
    if not is_terminal():
        raise ConfigError(f"{question} There is no terminal to ask at: say --yes")
    click.confirm(question, abort=True, err=True)


def is_terminal() -> bool:
    """Tell whether there is a person to ask."""
    return sys.stdin.isatty()


def _find_given(passphrase_file: Path | None) -> str | None:
    if passphrase_file is not None:
        try:
            lines = passphrase_file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigError(f"cannot read {passphrase_file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{passphrase_file} is not text") from None
        if not lines or not lines[0]:
            raise ConfigError(f"{passphrase_file} holds no passphrase: write it into the first line")
        return lines[0]
    return os.environ.get(_VARIABLE) or None


def _prompt(text: str) -> str:
    if not is_terminal():
        raise ConfigError(
            f"there is no terminal to ask for the passphrase: use --passphrase-file, or set {_VARIABLE}"
        )
    return str(click.prompt(text, hide_input=True, err=True))
