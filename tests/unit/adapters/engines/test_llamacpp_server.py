from __future__ import annotations

import io

import pytest

from joey.adapters.engines.llamacpp_server import find_reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"", ""),
        (b"0.00.001.002 I srv init: initializing\n0.00.003 W nothing to worry about\n", ""),
        (
            b"0.00.001 I srv init\n0.00.020.071 E gguf_init_from_reader: failed to read  key-value pairs\n"
            b"0.00.021.448 E llama_model_load: error loading model\n",
            "gguf_init_from_reader: failed to read key-value pairs",
        ),
        (b"0.00 E \xff\xfe not UTF-8\n", "\ufffd\ufffd not UTF-8"),
    ],
)
def test_the_first_error_is_the_reason(words: bytes, reason: str) -> None:
    assert find_reason(io.BytesIO(words)) == reason
