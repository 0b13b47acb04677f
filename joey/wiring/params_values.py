"""Parameters of the network as people write them, one or a module's file of them, exactly.

An amount is text with its unit, `"100pokt"`, or under the name that `joey chain params --json` prints, a
count of upokt: `min_stake_upokt = "100000000"`. A share or a probability is a plain decimal; numbers of
a file are read as the text that they are and never become floats. How an amount is split is a table of
the five shares, or on a command line `dao=0.1,proposer=0,...`.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

from joey.core.errors import ConfigError
from joey.core.protocol.governance import DERIVED_PARAMS
from joey.core.protocol.params import NetworkParams, Shares, format_decimal, read_decimal
from joey.core.protocol.params_codec import ModuleParams
from joey.core.units import Upokt, read_amount
from joey.core.wire.doubles import double_from_fraction, fraction_from_double
from joey.wiring.proposal import refuse_field

__all__ = ["ParamsValue", "find_module", "find_param", "read_params_file", "read_value", "show_value"]

ParamsValue = int | str | Fraction | Shares
"""What a parameter can be."""

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_COUNT = re.compile(r"[0-9]{1,20}")
_UNSIGNED_64_MAX = 2**64 - 1
_UPOKT_SUFFIX = "_upokt"
_SHARES = tuple(field.name for field in fields(Shares) if field.name != "unknown")


def find_module(name: str, params: NetworkParams) -> ModuleParams:
    """Return a module's parameters. Raises `ConfigError` with the near names for one there is not."""
    known = [field.name for field in fields(NetworkParams)]
    if name not in known:
        raise refuse_field("MODULE", f"there is no module {name!r}{_suggest(name, known)}")
    module: ModuleParams = getattr(params, name)
    return module


def find_param(name: str, module: str, params: ModuleParams) -> type:
    """Return the type of a parameter that can be set. Raises `ConfigError` with the near names."""
    hints = get_type_hints(type(params))
    known = [one for one in hints if one not in DERIVED_PARAMS]
    if name in DERIVED_PARAMS and name in hints:
        raise refuse_field(name, f"the chain sets {module}.{name} itself")
    if name not in known:
        raise refuse_field(name, f"there is no parameter {module}.{name}{_suggest(name, known)}")
    kind: type = hints[name]
    return kind


def _suggest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 3)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known here: {', '.join(known)}"


def read_value(raw: object, kind: object, where: str, before: ParamsValue) -> ParamsValue:
    """Return a value as the parameter's own type, exactly. Raises `ConfigError` naming `where`.

    `before` is the value that it replaces.
    """
    if kind is Upokt:
        return _read_upokt(raw, where)
    if kind is Fraction:
        return _read_fraction(raw, where)
    if kind is Shares:
        assert isinstance(before, Shares)
        return _read_shares(raw, where, before)
    if kind is str:
        if not isinstance(raw, str):
            raise refuse_field(where, f"a text, not {raw!r}")
        return raw
    return _read_count(raw, where)


def _read_upokt(raw: object, where: str) -> Upokt:
    try:
        amount = read_amount(str(raw))
    except ValueError as error:
        raise refuse_field(where, str(error)) from None
    return Upokt(_check_size(amount, where))


def _read_count(raw: object, where: str) -> int:
    if isinstance(raw, bool) or not _COUNT.fullmatch(str(raw)):
        raise refuse_field(where, f"a whole number, not {raw!r}")
    return _check_size(int(str(raw)), where)


def _check_size(number: int, where: str) -> int:
    if number > _UNSIGNED_64_MAX:
        raise refuse_field(where, f"at most {_UNSIGNED_64_MAX}, not {number}")
    return number


def _read_fraction(raw: object, where: str) -> Fraction:
    if isinstance(raw, bool) or not _DECIMAL.fullmatch(str(raw)):
        raise refuse_field(where, f"a plain decimal such as 0.975, not {raw!r}")
    value = read_decimal(str(raw))
    kept = fraction_from_double(double_from_fraction(value))
    if kept != value:
        raise refuse_field(
            where, f"the network keeps a double and would make {raw} to {format_decimal(kept)}"
        )
    return value


def _read_shares(raw: object, where: str, before: Shares) -> Shares:
    table = _split_shares(raw, where) if isinstance(raw, str) else raw
    if not isinstance(table, Mapping) or set(table) != set(_SHARES):
        raise refuse_field(
            where, f"the five shares, each named: {','.join(f'{name}=...' for name in _SHARES)}"
        )
    shares: dict[str, Any] = {name: _read_fraction(table[name], f"{where}.{name}") for name in _SHARES}
    try:
        return replace(before, **shares)
    except ValueError as error:
        raise refuse_field(where, str(error)) from None


def _split_shares(text: str, where: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if len({name for name, _, _ in pairs}) != len(pairs):
        raise refuse_field(where, "a share is named twice")
    return {name.strip(): value.strip() for name, _, value in pairs}


def read_params_file(path: Path, module: str, before: ModuleParams) -> ModuleParams:
    """Return a module's parameters with those of a file, TOML or `.json`, in place of what they were.

    What the file does not name stays. What a chain sets itself may be named as it is. Raises
    `ConfigError` naming the key and the fix.
    """
    data = _read_file(path)
    changes: dict[str, ParamsValue] = {}
    for key, raw in data.items():
        if key in DERIVED_PARAMS and hasattr(before, key) and str(raw) == show_value(getattr(before, key)):
            continue
        name = key.removesuffix(_UPOKT_SUFFIX)
        kind = find_param(name if _is_amount(name, before) else key, module, before)
        if name != key and kind is Upokt:
            changes[name] = Upokt(_read_count(raw, key))
        else:
            changes[key] = read_value(raw, kind, key, getattr(before, key))
    if not changes:
        raise ConfigError(f"{path} names no parameter of {module}")
    update: dict[str, Any] = changes
    return replace(before, **update)


def _is_amount(name: str, params: ModuleParams) -> bool:
    return get_type_hints(type(params)).get(name) is Upokt


def _read_file(path: Path) -> dict[str, Any]:
    is_json = path.suffix == ".json"
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text, parse_float=str) if is_json else tomllib.loads(text, parse_float=str)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not {'JSON' if is_json else 'TOML'}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the file must be a table of parameters")
    return data


def show_value(value: ParamsValue | bytes) -> str:
    """Return a value for people, exactly."""
    if isinstance(value, Shares):
        return ",".join(f"{name}={format_decimal(getattr(value, name))}" for name in _SHARES)
    if isinstance(value, Fraction):
        return format_decimal(value)
    return value.hex() if isinstance(value, bytes) else str(value)
