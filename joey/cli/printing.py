"""How values are shown: tables for people, JSON for programs.

JSON is exact and says its units: an amount `stake` becomes `"stake_upokt": "1000000"`, a text, since
many readers of JSON keep numbers as floats; heights and counts are numbers, bytes are hex, a fraction
is its decimal text. A height of 0 stands for none and is `null`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from fractions import Fraction
from typing import Any, get_args, get_type_hints

import click

from joey.core.protocol.params import format_decimal
from joey.core.units import Height, Upokt, format_pokt

__all__ = ["JSON", "Document", "describe", "format_amount", "print_document", "print_pairs", "print_table"]

Document = dict[str, Any]

JSON = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, exact to the last digit; errors stay text, on stderr.",
)


def print_document(document: object, *, as_json: bool, show: Callable[[], None]) -> None:
    """Print JSON, or what `show` prints for people."""
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show()


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: set[int]) -> None:
    """Print columns under their heads; those at the indices `numbers` are aligned to the right."""
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print one name and its value a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name.ljust(width)}  {value}".rstrip())


def format_amount(amount: int) -> str:
    """Return an amount of upokt for people, in POKT and in full, such as `60,000.000000 POKT`."""
    whole, _, part = format_pokt(Upokt(amount)).rpartition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{part} POKT"


def describe(value: object) -> Any:
    """Return what JSON can hold of one of our values, field by field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _describe_fields(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Fraction):
        return format_decimal(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    return value


def _describe_fields(value: Any) -> Document:
    hints = get_type_hints(type(value))
    described: Document = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if hints[field.name] is Upokt or Upokt in get_args(hints[field.name]):
            described[f"{field.name}_upokt"] = None if item is None else str(item)
        elif hints[field.name] is Height and not item:
            described[field.name] = None
        else:
            described[field.name] = describe(item)
    return described
