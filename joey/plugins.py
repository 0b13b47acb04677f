"""Loading what a configuration names: a plugin is loaded when it is asked for, not when it is found."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from joey.core.errors import ConfigError

__all__ = ["CHAINS", "ENGINES", "load_chain", "load_engine"]

ENGINES = "joey.engines"
"""The entry-point group of engines; ours are registered in it like anybody's."""

CHAINS = "joey.chains"
"""The entry-point group of chains."""

_EXTRAS = {"llamacpp": ("xllamacpp", "llamacpp"), "shannon": ("grpc", "shannon")}
"""Kind to (the module it runs, the extra of ours that installs it)."""


def load_engine(kind: str) -> type:
    """Return the class registered for an engine kind; it fulfils `joey.ports.engine.Engine`.

    Raises `ConfigError` when no such kind is registered or what it runs on is not installed.
    """
    engine = _load(ENGINES, "engine", kind)
    assert isinstance(engine, type)
    return engine


def load_chain(kind: str) -> Callable[..., Any]:
    """Return what is registered for a kind of chain: an async context manager of a `joey.ports.chain.Chain`.

    It is called as `joey.wiring.chains` calls it: with the addresses of full nodes. `local` is the class
    of the embedded chain, which is opened from its file. Raises `ConfigError` when no such kind is
    registered or what it runs on is not installed.
    """
    chain = _load(CHAINS, "chain", kind)
    assert callable(chain)
    return chain


def _load(group: str, noun: str, kind: str) -> object:
    registered = entry_points(group=group)
    if kind not in registered.names:
        raise ConfigError(
            f"no {noun} kind is called {kind!r}: known are {', '.join(sorted(registered.names))}", kind=kind
        )
    module, extra = _EXTRAS.get(kind, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise ConfigError(f'{noun} {kind} is not installed: run `pip install "joey[{extra}]"`', extra=extra)
    try:
        return registered[kind].load()
    except ImportError as error:
        raise ConfigError(
            f"{noun} {kind} cannot be loaded: {error}; install what it needs", kind=kind
        ) from None
