"""A JSON body read so strictly that every other parser must read the same.

Gateway, node and engine each parse the client's bytes. Refused is whatever two parsers may read
differently: a member named twice, numbers JSON has no word for or that have thousands of digits,
half surrogate pairs, other encodings than UTF-8, nesting without end. Refused is also a body of
thousands of lists and objects: it would hold up everybody else's calls while it is read.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from joey.core.errors import InvalidRequest

__all__ = ["read_members"]

_DEPTH_MAX = 100
_STRUCTURES_MAX = 4096
_DIGITS_MAX = 400
_PARAM_LENGTH_MAX = 64


# Possessive, and content to end with the text: no input makes it look at a byte twice.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class _BadNumber(ValueError):
    """A number that JSON has no word for."""


class _RepeatedMember(ValueError):
    """An object names a member twice; `args[0]` is its name."""


def read_members(body: bytes) -> dict[str, Any]:
    """Return the members of a body that is one JSON object.

    Raises `InvalidRequest`, naming the member at fault in `param` where it can be told. Neither
    text nor field of it holds a value of the body.
    """
    try:
        text = body.decode("utf-8")
        structures = _count_structures(text)
        if structures > _STRUCTURES_MAX:
            raise _refuse(f"has more than {_STRUCTURES_MAX} lists and objects")
        members = _DECODER.decode(text)
        if structures > _DEPTH_MAX:
            _check_depth(members)
        if "\\u" in text:
            json.dumps(members, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(f"is not UTF-8 text: byte {error.start} is wrong") from None
    except UnicodeEncodeError:
        raise _refuse("has half of a surrogate pair, which is no character") from None
    except RecursionError:
        raise _refuse(f"is nested deeper than {_DEPTH_MAX} levels") from None
    except _RepeatedMember as error:
        raise _refuse("names a member twice; engines differ in which they obey", error.args[0]) from None
    except json.JSONDecodeError as error:
        raise _refuse(f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except ValueError:
        raise _refuse("has a number that JSON does not know", _find_bad_number(text)) from None
    if not isinstance(members, dict):
        raise _refuse("must be a JSON object")
    return members


def _refuse(what: str, param: str | None = None) -> InvalidRequest:
    """Return the error; a name that is no plain word is the client's text and stays out of it."""
    if param is not None and (len(param) > _PARAM_LENGTH_MAX or not param.isidentifier()):
        param = None
    return InvalidRequest(f"the body {what}", param=param)


def _count_structures(text: str) -> int:
    """Return how many lists and objects a JSON text has; of few, those in its strings count too."""
    count = text.count("[") + text.count("{")
    if count <= _STRUCTURES_MAX:
        return count
    bare = _STRING.sub("", text)
    return bare.count("[") + bare.count("{")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _RepeatedMember(name)
            seen.add(name)
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise _BadNumber


def _read_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MAX else math.nan


_DECODER = json.JSONDecoder(object_pairs_hook=_read_object, parse_constant=_refuse_constant)
_LENIENT_DECODER = json.JSONDecoder(parse_constant=lambda _: math.nan, parse_int=_read_integer)


def _find_bad_number(text: str) -> str | None:
    """Return the member that is such a number, if it is at the top of a body otherwise in order."""
    try:
        members = _LENIENT_DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    bad = (name for name, value in members.items() if isinstance(value, float) and math.isnan(value))
    return next(bad, None)


def _check_depth(value: object) -> None:
    """Raise `RecursionError` when a value is nested deeper than we read; needs no recursion itself."""
    level = [value]
    for _ in range(_DEPTH_MAX + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return
        level = inner
    raise RecursionError
