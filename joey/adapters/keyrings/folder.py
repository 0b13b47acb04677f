"""A folder of keys by name: `NAME.json` is encrypted, `NAME.hex` is plain, as `joey up` keeps its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from joey.adapters.keyrings.encrypted import KeyRecord, KeySecret, read_key_record, read_key_secret
from joey.adapters.keyrings.file import warn_if_shared
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError

__all__ = ["KeyFolder", "StoredKey"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of a folder. `fault`: why its file cannot be used; the address is then empty."""

    path: Path
    is_plain: bool
    record: KeyRecord
    fault: str = ""


class KeyFolder:
    """The keys of one folder. It need not exist before a key is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, name: str) -> Path:
        """Return where a new key of a name goes. Raises `ConfigError` when it cannot be called so."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a key is named by up to 64 letters, digits, - and _, not {name!r}")
        if (self.path / f"{name}.hex").exists():
            raise ConfigError(f"there is a plain key {name}.hex in {self.path}: choose another name")
        return self.path / f"{name}.json"

    def list(self) -> tuple[StoredKey, ...]:
        """Return all keys by name; one whose file is damaged says so instead of hiding the others."""
        paths = [*self.path.glob("*.json"), *self.path.glob("*.hex")] if self.path.is_dir() else []
        keys = []
        for path in sorted(one for one in paths if _NAME.fullmatch(one.stem)):
            try:
                keys.append(_read(path))
            except ConfigError as error:
                record = KeyRecord(path.stem, "", b"")
                keys.append(StoredKey(path, path.suffix == ".hex", record, error.message))
        return tuple(keys)

    def find(self, name: str) -> StoredKey:
        """Return a key by its name. Raises `ConfigError` when there is none, or two."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a key is named by up to 64 letters, digits, - and _, not {name!r}")
        paths = [path for path in (self.path / f"{name}.json", self.path / f"{name}.hex") if path.exists()]
        if not paths:
            raise ConfigError(
                f"there is no key {name} in {self.path}: `joey keys list` shows those there are"
            )
        if len(paths) == 2:
            raise ConfigError(f"{self.path} has both {name}.json and {name}.hex: rename one")
        return _read(paths[0])

    def open(self, name: str, ask_passphrase: Callable[[], str]) -> KeySecret:
        """Return a key itself; the passphrase is asked for only when the key is encrypted."""
        stored = self.find(name)
        warn_if_shared(stored.path)
        if stored.is_plain:
            return KeySecret(_read_plain(stored.path))
        return read_key_secret(stored.path, ask_passphrase())


def _read(path: Path) -> StoredKey:
    if path.suffix == ".json":
        # A file that was copied or renamed is as good: its own name is what people call it by.
        record = replace(read_key_record(path), name=path.stem)
        return StoredKey(path, is_plain=False, record=record)
    key = _read_plain(path)
    return StoredKey(path, is_plain=True, record=KeyRecord(path.stem, key.address, key.public_key))


def _read_plain(path: Path) -> PrivateKey:
    try:
        return PrivateKey.from_hex(path.read_text(encoding="ascii"))
    except (ValueError, UnicodeDecodeError):
        raise ConfigError(f"{path} does not hold a private key of 64 hex digits") from None
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from None
