"""Mnemonics: English words that stand for a seed, made, checked and turned into it.

Source: BIP-39. Errors name a word by its position: the words themselves are the key.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from joey.core.errors import ConfigError

if TYPE_CHECKING:
    from mnemonic import Mnemonic

__all__ = ["check_mnemonic", "compute_seed", "make_mnemonic"]

_ENTROPY_BYTES = 32
_COUNTS = (12, 15, 18, 21, 24)


def make_mnemonic(entropy: bytes) -> str:
    """Return the 24 words of 32 random bytes."""
    assert len(entropy) == _ENTROPY_BYTES, "24 words stand for 32 bytes"
    return str(_english().to_mnemonic(entropy))


def check_mnemonic(text: str) -> str:
    """Return a mnemonic in lower case with single spaces, once every word and the checksum are right.

    Raises `ConfigError` that repeats no word.
    """
    words = text.lower().split()
    if len(words) not in _COUNTS:
        raise ConfigError(f"a mnemonic has 12, 15, 18, 21 or 24 words, not {len(words)}")
    known = set(_english().wordlist)
    wrong = [str(position) for position, word in enumerate(words, 1) if word not in known]
    if wrong:
        which = f"word {wrong[0]} is" if len(wrong) == 1 else f"words {', '.join(wrong)} are"
        raise ConfigError(f"{which} not in the English list of BIP-39: check the spelling")
    if not _english().check(" ".join(words)):
        raise ConfigError(
            "the words are known but their checksum is wrong: one is another word of the list, or two"
            " have changed places"
        )
    return " ".join(words)


def compute_seed(mnemonic: str) -> bytes:
    """Return the 64 bytes of a checked mnemonic, without a 25th word."""
    return bytes(_english().to_seed(mnemonic))


@cache
def _english() -> Mnemonic:
    # Imported when called: the package is in the extra `shannon`.
    try:
        from mnemonic import Mnemonic
    except ImportError:
        raise ConfigError("mnemonics need the package: pip install 'joey[shannon]'") from None
    return Mnemonic("english")
