from __future__ import annotations

from pathlib import Path

import pytest

from joey.core.errors import ConfigError
from joey.wiring.folder import open_folder
from joey.wiring.nodes import split_address


def test_a_folder_is_ours_until_it_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    with open_folder(path) as folder:
        assert not folder.is_ephemeral
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


@pytest.mark.parametrize(
    ("address", "parts"),
    [("127.0.0.1:3069", ("127.0.0.1", 3069)), ("[::1]:0", ("::1", 0)), ("host:80", ("host", 80))],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address, "gateway.listen") == parts


@pytest.mark.parametrize("address", ["", "3069", ":3069", "host:", "host:x", "host:70000", "host:-1"])
def test_a_wrong_address_names_its_setting(address: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.listen must look like"):
        split_address(address, "gateway.listen")
