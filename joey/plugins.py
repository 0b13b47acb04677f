"""Loading what a configuration names: a plugin is loaded when it is asked for, not when it is found."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points

from joey.core.errors import ConfigError

__all__ = ["ENGINES", "load_engine"]

ENGINES = "joey.engines"
"""The entry-point group of engines; ours are registered in it like anybody's."""

_EXTRAS = {"llamacpp": ("xllamacpp", "llamacpp")}
"""Kind to (the module it runs, the extra of ours that installs it)."""


def load_engine(kind: str) -> type:
    """Return the class registered for an engine kind; it fulfils `joey.ports.engine.Engine`.

    Raises `ConfigError` when no such kind is registered or what it runs on is not installed.
    """
    registered = entry_points(group=ENGINES)
    if kind not in registered.names:
        raise ConfigError(
            f"no engine kind is called {kind!r}: known are {', '.join(sorted(registered.names))}", kind=kind
        )
    module, extra = _EXTRAS.get(kind, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise ConfigError(f'engine {kind} is not installed: run `pip install "joey[{extra}]"`', extra=extra)
    try:
        engine = registered[kind].load()
    except ImportError as error:
        raise ConfigError(
            f"engine {kind} cannot be loaded: {error}; install what it needs", kind=kind
        ) from None
    assert isinstance(engine, type)
    return engine
