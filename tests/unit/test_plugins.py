from __future__ import annotations

import importlib.util

import pytest

from joey.adapters.engines.echo import EchoEngine
from joey.adapters.engines.llamacpp import LlamaCppEngine
from joey.adapters.engines.openai import OpenAIEngine
from joey.core.errors import ConfigError
from joey.plugins import load_chain, load_engine


@pytest.mark.parametrize(
    ("kind", "engine"), [("echo", EchoEngine), ("openai", OpenAIEngine), ("llamacpp", LlamaCppEngine)]
)
def test_our_own_engines_come_through_the_same_door(kind: str, engine: type) -> None:
    assert load_engine(kind) is engine


def test_an_unknown_kind_is_told_with_those_known() -> None:
    with pytest.raises(ConfigError, match="known are echo, llamacpp, openai"):
        load_engine("vlm")


def test_what_is_not_installed_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as raised:
        load_engine("llamacpp")
    assert raised.value.message == 'engine llamacpp is not installed: run `pip install "joey[llamacpp]"`'


def test_our_own_chains_come_through_the_same_door() -> None:
    from joey.adapters.chains.local.chain import LocalChain
    from joey.adapters.chains.shannon import open_shannon_chain

    assert load_chain("local") is LocalChain
    assert load_chain("shannon") is open_shannon_chain


def test_an_unknown_chain_is_told_with_those_known() -> None:
    with pytest.raises(ConfigError, match="no chain kind is called 'morse': known are local, shannon"):
        load_chain("morse")


def test_a_chain_that_is_not_installed_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as raised:
        load_chain("shannon")
    assert raised.value.message == 'chain shannon is not installed: run `pip install "joey[shannon]"`'
