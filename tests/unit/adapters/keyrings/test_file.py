from __future__ import annotations

import stat
from pathlib import Path

import pytest

from joey.adapters.keyrings.file import FileKeyring
from joey.core.errors import ConfigError


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = FileKeyring(folder).get_or_create("supplier-1")
    assert FileKeyring(folder).get_or_create("supplier-1") == first
    assert FileKeyring(folder).get_or_create("supplier-2") != first
    assert stat.S_IMODE((folder / "supplier-1.hex").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert first.secret.hex() not in repr(first)


@pytest.mark.parametrize("text", ["", "xyz", "00" * 32, "ff" * 32, "01" * 31, "é"])
def test_a_file_that_holds_no_key_is_named_and_never_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway.hex").write_text(text)
    with pytest.raises(ConfigError, match=r"gateway\.hex does not hold a private key") as caught:
        FileKeyring(tmp_path).get_or_create("gateway")
    assert len(text) < 3 or text not in str(caught.value)


def test_a_secret_text_is_kept_and_can_be_pasted(tmp_path: Path) -> None:
    first = FileKeyring(tmp_path).get_or_create_text("api-key", "joey-")
    assert FileKeyring(tmp_path).get_or_create_text("api-key", "joey-") == first
    assert first.startswith("joey-")
    assert first.removeprefix("joey-").isalnum()
    assert stat.S_IMODE((tmp_path / "api-key").stat().st_mode) == 0o600
