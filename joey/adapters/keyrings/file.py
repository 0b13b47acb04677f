"""Keys in files: one 32-byte key in hex per file, readable by its owner alone."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from pathlib import Path

from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError

__all__ = ["FileKeyring", "warn_if_shared"]

_log = logging.getLogger("joey.keys")

_OWNER_ALONE = (0o600, 0o400)


def warn_if_shared(path: Path) -> None:
    """Log a warning about a key file that others than its owner may use."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode not in _OWNER_ALONE:
        _log.warning("%s has the mode %04o: keep keys to yourself with chmod 600", path, mode)


class FileKeyring:
    """The keys of one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_or_create(self, name: str) -> PrivateKey:
        """Return the key kept as `NAME.hex`; make it, at random, on first use.

        Raises `ConfigError` when the file is there but holds no key.
        """
        path = self._folder / f"{name}.hex"
        try:
            if not path.exists():
                secret = secrets.randbelow(ORDER - 1) + 1
                self._write(path, f"{secret:064x}\n")
            return PrivateKey.from_hex(path.read_text(encoding="ascii").strip())
        except (ValueError, UnicodeDecodeError):
            raise ConfigError(f"{path} does not hold a private key of 64 hex digits") from None
        except OSError as error:
            raise ConfigError(f"cannot use the key file {path}: {error.strerror}") from None

    def get_or_create_text(self, name: str, prefix: str) -> str:
        """Return a random secret text kept in the file `NAME`, such as an API key."""
        path = self._folder / name
        try:
            if not path.exists():
                self._write(path, f"{prefix}{secrets.token_hex(20)}\n")
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"cannot use the secret in {path}: {error.strerror}") from None

    def _write(self, path: Path, text: str) -> None:
        """Write a whole file or none, never readable by others, on disk before its name is."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
