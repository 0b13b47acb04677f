"""Running vector files: which module checks which group, and what is counted as a failure.

A failure is an item of which a comparison fails, that cannot be read, or of which nothing was
compared; a group that is empty, unknown or no list; a file that cannot be read or has no group; a
folder without a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joey.core.errors import JoeyError
from joey.testing.vectors import difficulty, relays, ring_signatures, sessions, smst
from joey.testing.vectors.item import Item, Mismatch, Record

__all__ = ["GroupResult", "run_file", "run_folder"]

Check = Callable[[Item], None]

KINDS: Mapping[str, Mapping[str, Check]] = {
    "ring_signatures": ring_signatures.GROUPS,
    "smst": smst.GROUPS,
    "relays": relays.GROUPS,
    "sessions": sessions.GROUPS,
    "difficulty": difficulty.GROUPS,
}
"""Kinds of files, their groups, and the check of an item."""

ABOUT = frozenset({"file", "set", "reference"})
"""What a file says about itself."""

SINGLE = frozenset({"placeholder_ring_key", "base_target_hash"})
"""Groups that are one item, not a list of them."""

DESCRIPTIVE = frozenset({"id", "kind", "note", "error", "detail", "stage", "verify_error"})
"""What an item says about itself, or in words that are not ours: shown with a mismatch."""

_COMPUTING = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, AssertionError, JoeyError)
"""What our functions raise on values that no vector should have."""


@dataclass(slots=True)
class GroupResult:
    """How a group of a file fared. `complaints` are printed after its line, failures or not."""

    file: str
    group: str
    passed: int = 0
    failed: int = 0
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        place = f"{self.file} {self.group}".strip()
        return f"{place}: {self.passed} passed, {self.failed} failed"


def run_folder(folder: Path) -> Iterator[GroupResult]:
    """Check every JSON file of a folder, by name; yield a result for each group as it is done."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        yield _fail(str(folder), "", "the folder has no vector file (*.json)")
    for path in paths:
        yield from run_file(path)


def run_file(path: Path) -> Iterator[GroupResult]:
    """Check one file; a file that cannot be read yields one failed result without a group."""
    try:
        document = json.loads(path.read_bytes(), object_pairs_hook=_read_object)
    except OSError as error:
        yield _fail(path.name, "", f"the file cannot be read: {error.strerror}")
        return
    except (ValueError, RecursionError) as error:
        yield _fail(path.name, "", f"the file is no JSON: {error}")
        return
    if not isinstance(document, dict):
        yield _fail(path.name, "", "the file is no JSON object")
        return
    checks = _find_checks(path.name, document)
    if checks is None:
        yield _fail(path.name, "", f"the file is of no known kind: {', '.join(KINDS)}")
        return
    names = [name for name in document if name not in ABOUT]
    if not names:
        yield _fail(path.name, "", "the file has no group")
    for name in names:
        check = checks.get(name)
        if check is None:
            yield _fail(path.name, name, "the group is unknown: nobody checks it")
        else:
            yield _run_group(path.name, name, document[name], check)


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; a name given twice would hide what the first one holds."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has a name twice")
    return members


def _fail(file: str, group: str, complaint: str) -> GroupResult:
    return GroupResult(file, group, failed=1, complaints=[complaint])


def _find_checks(name: str, document: Mapping[str, object]) -> Mapping[str, Check] | None:
    """Return the groups of a file's kind, which its name, inside or outside, begins with."""
    for candidate in (document.get("file"), name):
        for kind, groups in KINDS.items():
            if isinstance(candidate, str) and candidate.startswith(kind):
                return groups
    return None


def _run_group(file: str, name: str, content: object, check: Check) -> GroupResult:
    if name in SINGLE:
        content = [content if isinstance(content, dict) else {name: content}]
    if not isinstance(content, list):
        return _fail(file, name, "the group is no list")
    if not content:
        return _fail(file, name, "the group is empty: it checks nothing")
    result = GroupResult(file, name)
    shown: set[str] = set()
    present: set[str] = set()
    read: set[str] = set()
    for index, data in enumerate(content):
        record = _check_item(data, check)
        present |= record.present
        read |= record.read
        if not record.mismatches:
            result.passed += 1
            continue
        result.failed += 1
        for mismatch in record.mismatches:
            if mismatch.field not in shown:
                shown.add(mismatch.field)
                result.complaints.append(_describe(index, data, mismatch))
    if unread := sorted(name for name in present - read if name.split(".")[-1] not in DESCRIPTIVE):
        result.complaints.append(f"not compared: {', '.join(unread)}")
    return result


def _check_item(data: object, check: Check) -> Record:
    """Check one item; whatever goes wrong is one more mismatch of it."""
    record = Record()
    try:
        check(Item(data, record))
    except _COMPUTING as error:
        record.mismatches.append(
            Mismatch(type(error).__name__, "an item that can be checked", str(error) or "no text")
        )
    else:
        if not record.compared:
            record.mismatches.append(Mismatch("nothing", "a comparison", "none was made"))
    return record


def _describe(index: int, data: object, mismatch: Mismatch) -> str:
    """Return a mismatch in full, with what the item says about itself."""
    about = ""
    if isinstance(data, dict):
        words = [*sorted(DESCRIPTIVE), "type", "target", "outcome"]
        about = "".join(f"\n  {word}: {data[word]}" for word in words if isinstance(data.get(word), str))
    return (
        f"[{index}] {mismatch.field}{about}\n  expected: {mismatch.expected}\n  computed: {mismatch.actual}"
    )
