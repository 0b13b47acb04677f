from __future__ import annotations

import stat
from pathlib import Path

import pytest

from joey.core.errors import ConfigError
from joey.wiring.folder import open_folder


def test_a_folder_is_ours_until_it_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    with open_folder(path) as folder:
        assert not folder.is_ephemeral
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        with pytest.raises(ConfigError, match="in use by another joey"), open_folder(path):
            pass
    with open_folder(path):
        pass


def test_an_ephemeral_folder_leaves_nothing() -> None:
    with open_folder(None) as folder:
        (folder.path / "chain.db").write_text("x")
        assert folder.chain.exists()
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="cannot use the data folder"),
        open_folder(tmp_path / "file" / "data"),
    ):
        pass
