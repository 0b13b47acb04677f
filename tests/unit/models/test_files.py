from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from joey.core.errors import ConfigError
from joey.models.catalog import DEFAULT_MODEL
from joey.models.files import check_gguf, compute_sha256, find_model, get_models_folder

GGUF = b"GGUF\x03\x00\x00\x00" + bytes(64)


def test_the_folder_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_models_folder({}) == tmp_path / ".local/share/joey/models"
    assert get_models_folder({"XDG_DATA_HOME": "relative"}) == tmp_path / ".local/share/joey/models"
    assert get_models_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/joey/models")


def test_any_gguf_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.gguf").write_bytes(GGUF)
    (tmp_path / "named-otherwise").write_bytes(GGUF)
    monkeypatch.chdir(tmp_path)
    for name in ("x.gguf", "./x.gguf", str(tmp_path / "x.gguf")):
        assert find_model(name, Path("/nowhere")) == tmp_path / "x.gguf"
    assert find_model("./named-otherwise", Path("/nowhere")) == tmp_path / "named-otherwise"


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGML" + bytes(64), b"<html>not found</html>" * 4])
def test_what_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a GGUF model file"):
        check_gguf(path)


def test_what_is_not_there_or_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no model file"):
        find_model(str(tmp_path / "x.gguf"), tmp_path)
    with pytest.raises(ConfigError, match="cannot read the model file"):
        find_model(f"{tmp_path}/", tmp_path)


def test_a_name_that_was_not_fetched_tells_how_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"run `joey models pull {DEFAULT_MODEL}`"):
        find_model(DEFAULT_MODEL, tmp_path)
    with pytest.raises(ConfigError, match="no package carries it"):
        find_model("mistral-7b-instruct-v0.3", tmp_path)


def test_a_name_whose_file_was_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{DEFAULT_MODEL}.gguf").write_bytes(GGUF)
    with pytest.raises(ConfigError, match="has 72 bytes, not the 98362432"):
        find_model(DEFAULT_MODEL, tmp_path)


def test_a_name_no_package_carries_may_be_put_there(tmp_path: Path) -> None:
    path = tmp_path / "mistral-7b-instruct-v0.3.gguf"
    path.write_bytes(GGUF)
    assert find_model("mistral-7b-instruct-v0.3", tmp_path) == path


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(GGUF)
    assert compute_sha256(tmp_path / "x") == sha256(GGUF).hexdigest()
