"""From a file and the environment to settings, every key and type checked."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from joey.config.checks import check_config
from joey.config.environment import Variable, find_variables
from joey.config.settings import Config, is_secret
from joey.core.errors import ConfigError

__all__ = ["list_values", "read_config", "read_table"]

_FILE = "file:"

_TYPE_NAMES = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}

T = TypeVar("T")


def read_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the settings; `path` `None` means no file. Raises `ConfigError` naming the key and the fix.

    A `file:` reference of the file leads from the file's own folder, that of a variable from the current
    one; here both become absolute.
    """
    data = {} if path is None else _read_toml(path)
    variables = find_variables(environment, data)
    # A file with one node may write [node] and [[node.services]] without an array around it.
    if isinstance(data.get("node"), dict):
        data["node"] = [data["node"]]
    source = _Source(
        "" if path is None else str(path), Path.cwd() if path is None else path.absolute().parent
    )
    config = _build(Config, data, "", source)
    # The demonstration's nodes stand for no suppliers that a network by address could know.
    if "node" not in data and config.chain.kind != "local":
        config = dataclasses.replace(config, node=())
    try:
        check_config(config, list_values(config))
    except ConfigError as error:
        variable = variables.get(str(error.fields.get("key")).partition("[")[0])
        where = source.name if variable is None else variable.name
        raise ConfigError(f"{where}: {error.message}" if where else error.message, **error.fields) from None
    return config


def read_table(cls: type[T], path: Path) -> T:
    """Read another TOML file into frozen values, as strictly. Raises `ConfigError`."""
    return _build(cls, _read_toml(path), "", _Source(str(path), path.absolute().parent))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where values come from: what errors call it, and the folder that its relative paths start from."""

    name: str
    folder: Path


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _build(cls: type[T], data: object, where: str, source: _Source) -> T:
    """Make a frozen value of `data`, checking every key and type; `where` is the key's path."""
    if isinstance(data, Variable):
        source = _Source(data.name, Path.cwd())
        data = data.read(dict)
    if not isinstance(data, dict):
        raise ConfigError(f"{source.name}: {where or 'the file'} must be a table")
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}" if where else key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(hints)}"
            name = _find_name(value) or source.name
            raise ConfigError(f"{name}: unknown key {path}{hint}", key=path)
        values[key] = _read(hints[key], value, path, source)
    return cls(**values)


def _find_name(value: object) -> str:
    """Return the variable that a value came from, itself or the first inside a table; "" for none."""
    if isinstance(value, Variable):
        return value.name
    if isinstance(value, dict):
        return next((name for item in value.values() if (name := _find_name(item))), "")
    return ""


def _read(kind: Any, value: object, path: str, source: _Source) -> object:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, path, source)
    if isinstance(value, Variable):
        source = _Source(value.name, Path.cwd())
        value = value.read(kind)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{source.name}: {path} must be a list", key=path)
        return tuple(_read(get_args(kind)[0], item, f"{path}[{i}]", source) for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        shown = "***" if is_secret(path) else repr(value)
        raise ConfigError(f"{source.name}: {path} must be {_TYPE_NAMES[kind]}, not {shown}", key=path)
    if isinstance(value, str) and is_secret(path) and value.removeprefix(_FILE) not in ("", value):
        # From the root on, so that a role finds it wherever it is started.
        return f"{_FILE}{source.folder / Path(value.removeprefix(_FILE)).expanduser()}"
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
