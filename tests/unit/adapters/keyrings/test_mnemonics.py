from __future__ import annotations

import hashlib
import unicodedata

import pytest

from joey.adapters.keyrings.mnemonics import check_mnemonic, compute_seed, make_mnemonic
from joey.core.crypto.derivation import derive_master
from joey.core.errors import ConfigError

KNOWN = "abandon " * 11 + "about"
LONGEST = "abandon " * 23 + "art"


def test_a_new_mnemonic_has_24_words_and_is_right() -> None:
    made = make_mnemonic(bytes(32))
    assert made == LONGEST
    assert check_mnemonic(made) == made
    assert check_mnemonic(make_mnemonic(bytes(range(32)))).count(" ") == 23


def test_the_seed_is_pbkdf2_of_the_words() -> None:
    salt = unicodedata.normalize("NFKD", "mnemonic").encode()
    expected = hashlib.pbkdf2_hmac("sha512", KNOWN.encode(), salt, 2048)
    assert compute_seed(KNOWN) == expected
    assert expected.hex().startswith("5eb00bbddcf06908")
    assert derive_master(expected).key.secret.hex().startswith("1837c1be8e2995ec")


def test_case_and_spaces_do_not_matter() -> None:
    assert check_mnemonic(f"  {KNOWN.upper()}\n".replace(" ", "\t ")) == KNOWN


@pytest.mark.parametrize("count", [0, 1, 11, 13, 25])
def test_the_number_of_words(count: int) -> None:
    with pytest.raises(ConfigError, match=f"not {count}"):
        check_mnemonic("abandon " * count)


def test_a_wrong_word_is_named_by_its_position_alone() -> None:
    words = KNOWN.split()
    words[6] = "sekret"
    with pytest.raises(ConfigError, match="word 7 is not in the English list") as caught:
        check_mnemonic(" ".join(words))
    assert "sekret" not in caught.value.message
    assert "abandon" not in caught.value.message
    words[1] = "zzz"
    with pytest.raises(ConfigError, match="words 2, 7 are not"):
        check_mnemonic(" ".join(words))


def test_a_wrong_checksum() -> None:
    with pytest.raises(ConfigError, match="checksum is wrong") as caught:
        check_mnemonic("abandon " * 12)
    assert "abandon" not in caught.value.message
