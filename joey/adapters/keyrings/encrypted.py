"""Keys encrypted at rest: one JSON file per key, readable by its owner alone.

What is public stands in clear: name, address, public key, derivation path, how the passphrase is
stretched. The private key, and the mnemonic it came from, are sealed with ChaCha20-Poly1305 under
scrypt of the passphrase; the seal covers every clear field, so that none can be swapped.

What an error can tell: scrypt yields, beside the sealing key, 16 bytes that are kept as `check`. If
they differ, the passphrase is wrong, or the stretching fields were damaged: these two cannot be told
apart. If they agree and the seal does not, the passphrase is right and the file was damaged or
altered; which of these, and by whom, cannot be told either.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joey.core.crypto.keys import PrivateKey, compute_address
from joey.core.errors import ConfigError

__all__ = [
    "KeyRecord",
    "KeySecret",
    "read_key_file",
    "read_key_record",
    "read_key_secret",
    "read_key_text",
    "write_key_file",
]

_VERSION = 1
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1
"""32 MiB and a twentieth of a second or so for each guess."""
_SCRYPT_N_MAX, _SCRYPT_R_MAX, _SCRYPT_P_MAX = 2**20, 16, 4
"""What a file may ask of us: a hostile one must not take all memory."""
_FILE_BYTES_MAX = 65_536
_SALT_BYTES = 16
_NONCE_BYTES = 12
_CHECK_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a key file says in clear. Until the file is opened, nothing proves it.

    `public_key`: 33 bytes, compressed. `derivation_path`: empty when the key came from no mnemonic.
    """

    name: str
    address: str
    public_key: bytes
    derivation_path: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class KeySecret:
    """What a key file seals. `mnemonic`: empty when the key came from none. It prints as `***`."""

    key: PrivateKey
    mnemonic: str = ""

    def __repr__(self) -> str:
        return "KeySecret(***)"


def write_key_file(
    path: Path, secret: KeySecret, passphrase: str, *, name: str, derivation_path: str = ""
) -> KeyRecord:
    """Write a new key file, whole or not at all, mode 0600.

    Raises `ConfigError` when there is a file already, or it cannot be written.
    """
    key = secret.key
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    stretching = {"name": "scrypt", "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": salt.hex()}
    sealing_key, check = _stretch(passphrase, salt, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P)
    clear: dict[str, Any] = {
        "version": _VERSION,
        "name": name,
        "address": key.address,
        "public_key": key.public_key.hex(),
        "derivation_path": derivation_path,
        "stretching": stretching,
        "check": check.hex(),
        "cipher": "chacha20-poly1305",
        "nonce": nonce.hex(),
    }
    sealed = json.dumps({"private_key": key.secret.hex(), "mnemonic": secret.mnemonic}).encode()
    document = {**clear, "sealed": _cipher(sealing_key).encrypt(nonce, sealed, _encode(clear)).hex()}
    _write_new(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return KeyRecord(name, key.address, key.public_key, derivation_path)


def read_key_file(path: Path, passphrase: str) -> PrivateKey:
    """Return the key of a file. Raises `ConfigError` as `read_key_secret` does."""
    return read_key_secret(path, passphrase).key


def read_key_secret(path: Path, passphrase: str) -> KeySecret:
    """Open a key file. Raises `ConfigError` that says what is wrong and repeats nothing of it."""
    return _open(_read_file(path), passphrase, str(path))


def read_key_text(text: str, passphrase: str, where: str) -> PrivateKey:
    """Return the key of a key file's text; `where` names it in the `ConfigError` that may be raised."""
    return _open(_decode(text.encode(), where), passphrase, where).key


def read_key_record(path: Path) -> KeyRecord:
    """Return what a key file says in clear. Raises `ConfigError` when it is no key file."""
    return _read_record(_read_file(path), str(path))


def _open(document: dict[str, Any], passphrase: str, where: str) -> KeySecret:
    record = _read_record(document, where)
    try:
        stretching = document["stretching"]
        salt, check = bytes.fromhex(stretching["salt"]), bytes.fromhex(document["check"])
        nonce, sealed = bytes.fromhex(document["nonce"]), bytes.fromhex(document["sealed"])
        n, r, p = stretching["n"], stretching["r"], stretching["p"]
        is_known = (stretching["name"], document["cipher"]) == ("scrypt", "chacha20-poly1305")
    except (KeyError, TypeError, ValueError):
        raise _damaged(where) from None
    if not is_known or len(nonce) != _NONCE_BYTES or not _is_affordable(n, r, p):
        raise ConfigError(f"{where} is sealed in a way that this version does not know")
    sealing_key, expected = _stretch(passphrase, salt, n, r, p)
    if not hmac.compare_digest(check, expected):
        raise ConfigError(f"wrong passphrase for {where}")
    clear = {name: value for name, value in document.items() if name != "sealed"}
    secret = _unseal(where, sealing_key, nonce, sealed, _encode(clear))
    if secret.key.public_key != record.public_key:
        raise _altered(where)
    return secret


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from None
    return _decode(data, str(path))


def _decode(data: bytes, where: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise _damaged(where) from None
    if len(data) > _FILE_BYTES_MAX or not isinstance(document, dict):
        raise _damaged(where)
    return document


def _read_record(document: dict[str, Any], where: str) -> KeyRecord:
    if document.get("version") != _VERSION:
        raise ConfigError(f"{where} is not a version-{_VERSION} key file")
    texts = [document.get(name) for name in ("name", "address", "public_key", "derivation_path")]
    if not all(isinstance(text, str) for text in texts):
        raise _damaged(where)
    name, address, public_key, derivation_path = map(str, texts)
    try:
        record = KeyRecord(name, address, bytes.fromhex(public_key), derivation_path)
        is_of_address = compute_address(record.public_key) == address
    except ValueError:
        raise _damaged(where) from None
    if not is_of_address:
        raise _altered(where)
    return record


def _unseal(where: str, sealing_key: bytes, nonce: bytes, sealed: bytes, clear: bytes) -> KeySecret:
    cipher = _cipher(sealing_key)
    from cryptography.exceptions import InvalidTag

    try:
        opened = json.loads(cipher.decrypt(nonce, sealed, clear))
        return KeySecret(PrivateKey.from_hex(opened["private_key"]), str(opened["mnemonic"]))
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise _altered(where) from None


def _is_affordable(n: object, r: object, p: object) -> bool:
    bounds = ((n, _SCRYPT_N, _SCRYPT_N_MAX), (r, 1, _SCRYPT_R_MAX), (p, 1, _SCRYPT_P_MAX))
    if not all(type(value) is int and least <= value <= most for value, least, most in bounds):
        return False
    return isinstance(n, int) and n & (n - 1) == 0


def _stretch(passphrase: str, salt: bytes, n: int, r: int, p: int) -> tuple[bytes, bytes]:
    """Return the sealing key and the check bytes. The passphrase counts in its composed form (NFC)."""
    password = unicodedata.normalize("NFC", passphrase).encode()
    memory = 128 * r * (n + p + 2) + 2**20
    length = 32 + _CHECK_BYTES
    stretched = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)
    return stretched[:32], stretched[32:]


def _encode(clear: dict[str, Any]) -> bytes:
    return json.dumps(clear, sort_keys=True, separators=(",", ":")).encode()


def _cipher(sealing_key: bytes) -> Any:
    # Imported when called: the package is in the extra `shannon`.
    try:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    except ImportError:
        raise ConfigError("encrypted keys need the package: pip install 'joey[shannon]'") from None
    return ChaCha20Poly1305(sealing_key)


def _damaged(where: str) -> ConfigError:
    return ConfigError(f"{where} is damaged: the key file is incomplete; restore your backup")


def _altered(where: str) -> ConfigError:
    return ConfigError(f"{where} was damaged or altered: do not use it; restore your backup")


def _write_new(path: Path, text: str) -> None:
    """Write a file under a name that must be free; it is on disk before its name is."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces what has the name: that would lose a key.
            os.link(partial, path)
        except FileExistsError:
            raise ConfigError(f"there is a key at {path} already: choose another name") from None
        finally:
            partial.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(f"cannot write the key file {path}: {error.strerror}") from None
