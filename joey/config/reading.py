"""From a file and the environment to settings, every key and type checked."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from joey.config.checks import check_config
from joey.config.settings import Config, is_secret
from joey.core.errors import ConfigError

__all__ = ["list_values", "read_config", "read_table"]

ENVIRONMENT_PREFIX = "JOEY_"

_TYPE_NAMES = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}

T = TypeVar("T")


def read_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the settings; `path` `None` means no file. Raises `ConfigError` naming the key and the fix."""
    data = {} if path is None else _read_toml(path)
    source = str(path) if path else "the environment"
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            _set_from_environment(data, name, text)
    # A file with one node may write [node] and [[node.services]] without an array around it.
    if isinstance(data.get("node"), dict):
        data["node"] = [data["node"]]
    config = _build(Config, data, "", source)
    # The demonstration's nodes stand for no suppliers that a network by address could know.
    if "node" not in data and config.chain.kind != "local":
        config = dataclasses.replace(config, node=())
    check_config(config, list_values(config))
    return config


def read_table(cls: type[T], path: Path) -> T:
    """Read another TOML file into frozen values, as strictly. Raises `ConfigError`."""
    return _build(cls, _read_toml(path), "", str(path))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _set_from_environment(data: dict[str, Any], name: str, text: str) -> None:
    """Put `JOEY_GATEWAY__DEADLINE_S=30` where `[gateway] deadline_s` would be."""
    *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    for table in tables:
        inner = data.setdefault(table, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{name} cannot set one entry of the list [[{table}]]: use the file")
        data = inner
    try:
        data[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        data[key] = text


def _build(cls: type[T], data: object, where: str, source: str) -> T:
    """Make a frozen value of `data`, checking every key and type; `where` is the key's path."""
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: {where or 'the file'} must be a table")
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}" if where else key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(hints)}"
            raise ConfigError(f"{source}: unknown key {path}{hint}", key=path)
        values[key] = _read(hints[key], value, path, source)
    return cls(**values)


def _read(kind: Any, value: object, path: str, source: str) -> object:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, path, source)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{source}: {path} must be a list", key=path)
        return tuple(_read(get_args(kind)[0], item, f"{path}[{i}]", source) for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        shown = "***" if is_secret(path) else repr(value)
        raise ConfigError(f"{source}: {path} must be {_TYPE_NAMES[kind]}, not {shown}", key=path)
    return value


def list_values(config: object, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting as (path, value), for `joey config show`."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        for item in dataclasses.fields(config):
            path = f"{where}.{item.name}" if where else item.name
            yield from list_values(getattr(config, item.name), path)
    elif isinstance(config, tuple) and config and dataclasses.is_dataclass(config[0]):
        for i, item in enumerate(config):
            yield from list_values(item, f"{where}[{i}]")
    else:
        yield where, config
