from __future__ import annotations

import re

import pytest

from joey.core.errors import ConfigError
from joey.models.catalog import CATALOG, DEFAULT_MODEL, ModelEntry, find_entry


def test_the_default_is_there_and_can_be_fetched_and_checked() -> None:
    entry = find_entry(DEFAULT_MODEL)
    assert entry.kind == "chat"
    assert entry.source
    assert entry.sha256 is not None


def test_names_are_unique() -> None:
    names = [entry.name for entry in CATALOG]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_every_entry_is_whole(entry: ModelEntry) -> None:
    assert entry.kind in {"chat", "base"}
    assert entry.licence
    assert entry.hardware
    assert entry.context > 0
    assert entry.file_name.endswith(".gguf")
    # What can be fetched can be checked, and a checksum stands only beside what it was computed of.
    assert bool(entry.source) == (entry.sha256 is not None) == (entry.size_bytes is not None)
    if entry.sha256 is not None:
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert all(part.download_bytes > 0 for part in entry.source)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean smollm2-135m-instruct"):
        find_entry("smollm2-135m")
    with pytest.raises(ConfigError, match="joey models list"):
        find_entry("zzz")
