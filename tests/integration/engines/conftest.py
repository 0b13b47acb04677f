"""The real small model, fetched once into the folder that `joey models pull` uses."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from joey.models.catalog import DEFAULT_MODEL, find_entry
from joey.models.files import get_models_folder
from joey.models.pull import pull_model


@pytest.fixture(scope="session")
def small_model() -> Path:
    def report(done: int, total: int) -> None:
        assert done <= total

    return anyio.run(pull_model, find_entry(DEFAULT_MODEL), get_models_folder(os.environ), report)
