"""Settings from environment variables: which key each sets, and how its text is read.

A variable is text. Where the setting is text too it is taken as it is, in quotes or not, so that
`JOEY_CHAIN__GAS_PRICE_UPOKT=0.001` is exact; elsewhere it is read as a value of TOML.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from joey.core.errors import ConfigError

__all__ = ["Variable", "find_variables"]

_PREFIX = "JOEY_"


@dataclass(frozen=True, slots=True, repr=False)
class Variable:
    """A variable that sets the key at `path`, such as `gateway.deadline_s`."""

    name: str
    path: str
    text: str

    def read(self, kind: Any) -> object:
        """Return what its text says where a setting of this type is wanted."""
        value = _parse(self.text)
        if kind is str:
            return value if isinstance(value, str) else self.text
        if get_origin(kind) is tuple and get_args(kind)[0] is str and not isinstance(value, list):
            return [item.strip() for item in self.text.split(",") if item.strip()]
        return value


def find_variables(environment: Mapping[str, str], data: dict[str, Any]) -> dict[str, Variable]:
    """Put each variable where the file's value would be in `data`; return them by their keys.

    Raises `ConfigError` for one that names an entry of a list.
    """
    variables = {}
    for name, text in environment.items():
        if name.startswith(_PREFIX) and "__" in name:
            keys = name.removeprefix(_PREFIX).lower().split("__")
            variable = Variable(name, ".".join(keys), text)
            _find_table(data, keys[:-1], name)[keys[-1]] = variable
            variables[variable.path] = variable
    return variables


def _find_table(data: dict[str, Any], keys: list[str], name: str) -> dict[str, Any]:
    for key in keys:
        inner = data.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{name} cannot set one entry of the list [[{key}]]: use the file")
        data = inner
    return data


def _parse(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
