"""What a reference leads to: `file:PATH` or `env:NAME` to a secret text or to a private key.

No error here quotes what it found: it may be most of a secret.
"""

from __future__ import annotations

import os
from pathlib import Path

from joey.adapters.keyrings.encrypted import read_key_text
from joey.adapters.keyrings.file import warn_if_shared
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError

__all__ = ["DEFAULT_PASSPHRASE", "read_key", "read_secret"]

DEFAULT_PASSPHRASE = "env:JOEY_PASSPHRASE"  # noqa: S105 - where it is, not what it is
"""Where the passphrase of encrypted key files is looked for."""


def read_secret(reference: str, where: str) -> str:
    """Return the text that a reference leads to, without white space around it.

    `where` is the setting's path, for the error. Raises `ConfigError` when there is nothing.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        if not os.environ.get(name, "").strip():
            raise ConfigError(f"{where} refers to the variable {name}, which is not set: export it")
        return os.environ[name].strip()
    if kind == "file" and name:
        path = Path(name).expanduser().absolute()
        text = _read_file(path, where).strip()
        if not text:
            raise ConfigError(f"{where} refers to the file {path}, which is empty")
        return text
    raise ConfigError(f"{where} must be a reference: env:NAME or file:PATH, never the secret itself")


def read_key(reference: str, where: str, *, passphrase: str = DEFAULT_PASSPHRASE) -> PrivateKey:
    """Return the private key that a reference leads to.

    It is 64 hexadecimal digits, or the whole text of a file that `joey keys` has encrypted;
    `passphrase` is the reference to what that was encrypted with, read only when it is needed. Raises
    `ConfigError` naming `where` and what to change.
    """
    if not reference:
        raise ConfigError(f"{where} is missing: refer to a key, such as file:keys/NAME.hex or env:NAME")
    text = read_secret(reference, where)
    if reference.startswith("file:"):
        warn_if_shared(Path(reference.removeprefix("file:")).expanduser())
    if text.startswith("{"):
        return read_key_text(text, read_secret(passphrase, "keys.passphrase"), reference)
    try:
        return PrivateKey.from_hex(text)
    except ValueError:
        raise ConfigError(
            f"{where}: {reference} leads to no private key: 64 hexadecimal digits, or a file of `joey keys`"
        ) from None


def _read_file(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(f"{where} refers to the file {path}, which cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where} refers to the file {path}, which is not text") from None
