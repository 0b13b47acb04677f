"""Go's gob streams: matched by name, with types that the stream describes."""

from __future__ import annotations

import pytest

from joey.core.trie.gob import ListOf, StructOf, decode_gob, encode_int, encode_uint

LOCAL = StructOf(
    {"Name": "bytes", "Count": "int", "Items": ListOf("bytes"), "Inner": StructOf({"Depth": "int"})}
)
BOOL, INT, UINT, FLOAT, BYTES, STRING, COMPLEX = range(1, 8)


def message(content: bytes) -> bytes:
    return encode_uint(len(content)) + content


def name_and_id(name: str, type_id: int) -> bytes:
    return b"\1" + message(name.encode()) + b"\1" + encode_int(type_id) + b"\0"


def struct(type_id: int, *fields: tuple[str, int]) -> bytes:
    listed = encode_uint(len(fields)) + b"".join(name_and_id(*one) for one in fields)
    body = b"\1" + name_and_id("T", type_id) + (b"\1" + listed if fields else b"") + b"\0"
    return message(encode_int(-type_id) + b"\3" + body + b"\0")


def union(kind: int, type_id: int, *numbers: int) -> bytes:
    body = b"\1" + name_and_id("", type_id) + b"".join(b"\1" + encode_int(one) for one in numbers) + b"\0"
    return message(encode_int(-type_id) + encode_uint(kind + 1) + body + b"\0")


def array(type_id: int, element: int, length: int) -> bytes:
    return union(0, type_id, element, length)


def slice_of(type_id: int, element: int) -> bytes:
    return union(1, type_id, element)


def map_of(type_id: int, key: int, element: int) -> bytes:
    return union(3, type_id, key, element)


def opaque(type_id: int, kind: int = 4) -> bytes:
    return union(kind, type_id)


def value(type_id: int, content: bytes) -> bytes:
    return message(encode_int(type_id) + content)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (127, "7f"), (128, "ff80"), (256, "fe0100"), (2**64 - 1, "f8" + "ff" * 8)],
)
def test_unsigned(number: int, encoded: str) -> None:
    assert encode_uint(number).hex() == encoded


@pytest.mark.parametrize(
    ("number", "encoded"), [(0, "00"), (1, "02"), (-1, "01"), (64, "ff80"), (-65, "ff81")]
)
def test_signed(number: int, encoded: str) -> None:
    assert encode_int(number).hex() == encoded


def test_fields_are_matched_by_name_and_others_passed_over() -> None:
    stream = (
        struct(
            70,
            ("Truth", BOOL),
            ("Other", STRING),
            ("Count", INT),
            ("Rate", FLOAT),
            ("Pair", COMPLEX),
            ("Fixed", 71),
            ("Pairs", 72),
            ("Opaque", 73),
            ("Nested", 74),
            ("Items", 75),
            ("Inner", 74),
            ("Name", BYTES),
        )
        + array(71, UINT, 2)
        + map_of(72, STRING, INT)
        + opaque(73)
        + struct(74, ("Width", UINT), ("Depth", INT))
        + slice_of(75, BYTES)
    )
    content = (
        b"\1\1"
        + b"\1\3abc"
        + b"\1\5"
        + b"\1\xfe\x01\x00"
        + b"\1\1\2"
        + b"\1\2\7\7"
        + b"\1\1\1k\4"
        + b"\1\2zz"
        + b"\1\1\3\1\x09\0"
        + b"\1\2\1x\0"
        + b"\1\1\3\1\6\0"
        + b"\1\4name\0"
    )
    assert decode_gob(stream + value(70, content) + b"what follows is ignored", LOCAL) == {
        "Count": -3,
        "Items": [b"x", b""],
        "Inner": {"Depth": 3},
        "Name": b"name",
    }


def test_a_struct_may_end_with_its_message() -> None:
    assert decode_gob(struct(70, ("Count", INT)) + value(70, b"\1\4"), LOCAL) == {"Count": 2}


def test_bytes_after_the_value_in_its_message_are_ignored() -> None:
    assert decode_gob(struct(70, ("Count", INT)) + value(70, b"\1\4\0\xff\xff"), LOCAL) == {"Count": 2}


def test_a_field_that_is_named_twice_is_merged() -> None:
    stream = struct(70, ("Inner", 71), ("Inner", 71), ("Count", INT), ("Count", INT))
    stream += struct(71, ("Depth", INT), ("Width", INT))
    read = decode_gob(stream + value(70, b"\1\1\2\0\1\2\2\0\1\2\1\4\0"), LOCAL)
    assert read == {"Inner": {"Depth": 1}, "Count": 2}


GOOD = struct(70, ("Count", INT))


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\x00",
        b"\x80",
        b"\xf7" + bytes(9),
        b"\xfc\x40\x00\x00\x00",
        GOOD,
        GOOD + b"\x05\x00",
        GOOD + value(71, b"\1\4\0"),
        GOOD + value(5, b"\1\4\0"),
        GOOD + value(70, b"\2\4\0"),
        GOOD + value(70, b"\1"),
        GOOD + value(70, b"\1\xfe\1"),
        GOOD + GOOD + value(70, b"\1\4\0"),
        struct(63, ("Count", INT)) + value(63, b"\1\4\0"),
        struct(70, ("Unknown", INT)) + value(70, b"\1\4\0"),
        struct(70, ("Count", UINT)) + value(70, b"\1\4\0"),
        struct(70, ("Count", INT), ("", INT)) + value(70, b"\1\4\0"),
        struct(70, ("Count", INT), ("Other", 99)) + value(70, b"\1\4\0"),
        struct(70, ("Count", INT), ("Other", 8)) + value(70, b"\1\4\0"),
        struct(70, ("Name", 71)) + slice_of(71, UINT) + value(70, b"\1\1\1\0"),
        struct(70, ("Items", 71)) + array(71, BYTES, 1) + value(70, b"\1\1\1x\0"),
        struct(70, ("Items", 71)) + slice_of(71, STRING) + value(70, b"\1\1\1x\0"),
        struct(70, ("Items", 71)) + slice_of(71, BYTES) + value(70, b"\1\xfc\x7f\xff\xff\xff\1x"),
        struct(70, ("Items", 71)) + opaque(71) + value(70, b"\1\1x\0"),
        struct(70, ("Inner", INT)) + value(70, b"\1\4\0"),
        struct(70, ("Count", INT), ("Fixed", 71)) + array(71, INT, 2) + value(70, b"\2\1\4\0"),
        message(GOOD[1:] + b"\0") + value(70, b"\1\4\0"),
        message(encode_int(-70) + b"\0") + value(70, b"\1\4\0"),
    ],
)
def test_refused(stream: bytes) -> None:
    with pytest.raises(ValueError):
        decode_gob(stream, LOCAL)


def test_types_that_contain_themselves_are_refused() -> None:
    stream = struct(70, ("Count", INT), ("Self", 70))
    with pytest.raises(ValueError, match="too deeply"):
        decode_gob(stream + value(70, b"\2" + b"\2" * 200), LOCAL)


def test_a_struct_without_fields_is_empty() -> None:
    assert decode_gob(struct(70) + value(70, b"\0"), LOCAL) == {}
