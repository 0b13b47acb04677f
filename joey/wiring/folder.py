"""The data folder of a network: which file holds what, and that one process at a time uses it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from joey.core.errors import ConfigError

__all__ = ["DataFolder", "open_folder"]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where a network keeps its state. `is_ephemeral`: it is removed when the network stops."""

    path: Path
    is_ephemeral: bool

    @property
    def keys(self) -> Path:
        """One file per key, readable by its owner alone."""
        return self.path / "keys"

    @property
    def chain(self) -> Path:
        """The embedded chain."""
        return self.path / "chain.db"

    @property
    def portal(self) -> Path:
        """Tenants, API keys (hashed) and usage."""
        return self.path / "gateway.db"

    @property
    def ledger(self) -> Path:
        """Journal, fixings, prices and invoices."""
        return self.path / "ledger.db"

    def node(self, number: int) -> Path:
        """Evidence and claims of one node, counted from 1."""
        return self.path / f"node-{number}.db"


@contextmanager
def open_folder(path: Path | None) -> Iterator[DataFolder]:
    """Make the folder, or a temporary one for `None`, and keep it to ourselves until left.

    Raises `ConfigError` when it cannot be made or another process has it.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="joey-", ignore_cleanup_errors=True) as name:
            yield DataFolder(Path(name), is_ephemeral=True)
        return
    try:
        # Evidence holds prompts until it is settled: what we make is our own user's alone.
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot use the data folder {path}: {error.strerror}; name another") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ConfigError(
            f"the data folder {path} is in use by another joey: stop it, or name another with --data"
        ) from None
    try:
        yield DataFolder(path, is_ephemeral=False)
    finally:
        os.close(lock)
