"""`joey vectors`: all pass as they are, nothing passes once it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from joey.cli.vectors import vectors
from joey.testing.vectors.runner import ABOUT, DESCRIPTIVE, KINDS, SINGLE

FOLDER = Path(__file__).parents[2] / "vectors"
DOCUMENTS: dict[str, dict[str, Any]] = {
    kind: json.loads((FOLDER / f"{kind}.json").read_text()) for kind in KINDS
}
GROUPS = [(kind, group) for kind, groups in KINDS.items() for group in groups]


def run(folder: Path) -> Result:
    return CliRunner().invoke(vectors, [str(folder)])


def run_group(folder: Path, kind: str, group: str, content: object) -> Result:
    (folder / f"{kind}.json").write_text(json.dumps({"file": f"{kind}.json", group: content}))
    return run(folder)


def short(kind: str, group: str, length: int = 3) -> Any:
    """Return the first items of a group, without the largest trie."""
    content = DOCUMENTS[kind][group]
    return deepcopy(content[:length] if isinstance(content, list) else content)


def corrupt(value: Any) -> Any:
    """Return a value of the same type that differs."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return "00"
        case str() if value.startswith("pokt1"):
            return value[:-1] + ("q" if value[-1] != "q" else "p")
        case str():
            last = value[-1:] or "0"
            return value[:-1] + {"0": "1"}.get(last, "0")
    raise AssertionError(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each plain value, of lists to those of the first two elements."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from places(inner, (*path, index))
    else:
        yield path


def replace_at(content: Any, path: tuple[Any, ...], change: Any) -> Any:
    copy = deepcopy(content)
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return copy


def test_every_file_passes() -> None:
    result = run(FOLDER)
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert lines[-1] == "655 passed, 0 failed"
    assert len(lines) == len(GROUPS) + 1
    assert "smst.json tampered: 35 passed, 0 failed" in lines
    assert all(line.endswith(", 0 failed") for line in lines)


def test_every_group_of_the_files_is_checked() -> None:
    assert {kind: set(document) - ABOUT for kind, document in DOCUMENTS.items()} == {
        kind: set(groups) for kind, groups in KINDS.items()
    }


VERDICTS = {
    # Here a changed input may well leave the verdict as it is: these must be noticed at least once.
    ("ring_signatures", "accepted_variants"): {"outcome", "signature", "verify", "message"},
    ("ring_signatures", "tampered"): {"verify"},
    ("ring_signatures", "links"): {"linked"},
    ("smst", "tampered"): {"verify"},
    ("smst", "accepted_variants"): {"verify", "root"},
    ("relays", "verifications"): {"valid", "target"},
    ("relays", "encoding_corner_cases"): {
        "remarshalled",
        "signable_hash",
        "signature_is_nil",
        "has_session_header",
    },
    ("sessions", "errors"): {"error"},
    ("sessions", "session_grid"): {"session_start_height", "settlement_session_end_height"},
    ("difficulty", "volume_applicable_checks"): {"volume_applicable"},
}


@pytest.mark.parametrize(("kind", "group"), GROUPS)
def test_one_wrong_value_fails(kind: str, group: str, tmp_path: Path) -> None:
    """Each stated value of a group in turn, in a copy that has nothing else."""
    content = short(kind, group, 2)
    good = run_group(tmp_path, kind, group, content)
    assert good.exit_code == 0, good.output
    noticed, unnoticed = set(), set()
    for path in places(content) if not isinstance(content, str) else [()]:
        names = [step for step in path if isinstance(step, str)]
        if names and names[-1] in DESCRIPTIVE - {"error"}:
            continue
        # Of an error only its presence is compared.
        change = (lambda _: None) if names and names[-1] == "error" else corrupt
        wrong = replace_at(content, path, change) if path else corrupt(content)
        result = run_group(tmp_path, kind, group, wrong)
        (noticed if result.exit_code else unnoticed).add(names[0] if names else group)
        if result.exit_code:
            assert result.exit_code == 1
            assert result.output.splitlines()[-1].endswith(" failed")
            assert not result.output.endswith(" 0 failed\n")
    must = VERDICTS.get((kind, group))
    if must is not None:
        assert must <= noticed
    else:
        allowed = {
            "ring_construction": {"block_height", "pending_undelegations"},
            "sessions": {
                "block_height",
                "num_suppliers_per_session",
                "shared_params",
                "supplier_service_configs",
            },
        }
        assert unnoticed <= allowed.get(group, set())


@pytest.mark.parametrize(("kind", "group"), GROUPS)
def test_verdicts_and_outputs_turned_around_fail_in_every_item(kind: str, group: str, tmp_path: Path) -> None:
    content = DOCUMENTS[kind][group]
    if not isinstance(content, list):
        return
    verdicts = ("verify", "valid", "linked", "volume_applicable")
    for name in verdicts:
        if name in content[0]:
            turned = [{**item, name: not item[name]} for item in content]
            result = run_group(tmp_path, kind, group, turned)
            assert result.exit_code == 1
            assert result.output.splitlines()[0].endswith(f": 0 passed, {len(turned)} failed")


@pytest.mark.parametrize(("kind", "group"), GROUPS)
def test_a_missing_field_is_one_failure(kind: str, group: str, tmp_path: Path) -> None:
    content = short(kind, group, 1)
    if isinstance(content, str):
        return
    item = content[0] if isinstance(content, list) else content
    for name in item:
        rest = {key: value for key, value in item.items() if key != name}
        result = run_group(tmp_path, kind, group, [rest] if isinstance(content, list) else rest)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        if name not in DESCRIPTIVE - {"error", "note"} and (kind, group, name) != ("relays", group, "note"):
            optional = name in {"error", "note"} and group != "errors"
            assert (result.exit_code == 1) is not optional, name
            if not optional:
                assert result.output.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("wrong", [None, 5, "text", [], {}, True, -1, "zz", [[]], 10**30, 1.5])
@pytest.mark.parametrize(("kind", "group"), GROUPS)
def test_a_field_of_another_type_never_raises(kind: str, group: str, wrong: Any, tmp_path: Path) -> None:
    content = short(kind, group, 1)
    if isinstance(content, str):
        contents: list[Any] = [wrong]
    else:
        paths = list(places(content))[:60]
        contents = [replace_at(content, path, lambda _: wrong) for path in paths] + [[wrong]]
    for changed in contents:
        result = run_group(tmp_path, kind, group, changed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert result.exit_code in (0, 1)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("relays.json", '{"relays": []}', "relays.json relays: 0 passed, 1 failed"),
        ("relays.json", '{"relays": {}}', "relays.json relays: 0 passed, 1 failed"),
        ("relays.json", '{"relays": null}', "relays.json relays: 0 passed, 1 failed"),
        ("relays.json", '{"tries": [{}]}', "relays.json tries: 0 passed, 1 failed"),
        ("relays.json", '{"file": "relays.json"}', "relays.json: 0 passed, 1 failed"),
        ("relays.json", "{}", "relays.json: 0 passed, 1 failed"),
        ("relays.json", "[]", "relays.json: 0 passed, 1 failed"),
        ("relays.json", "{", "relays.json: 0 passed, 1 failed"),
        ("relays.json", "", "relays.json: 0 passed, 1 failed"),
        ("relays.json", '{"relays": [], "relays": []}', "relays.json: 0 passed, 1 failed"),
        ("relays.json", "[" * 100_000, "relays.json: 0 passed, 1 failed"),
        ("other.json", '{"relays": []}', "other.json: 0 passed, 1 failed"),
    ],
)
def test_files_that_check_nothing_fail(name: str, text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert line in result.output.splitlines()
    assert result.output.splitlines()[-1] == "0 passed, 1 failed"


def test_bytes_that_are_no_text_fail(tmp_path: Path) -> None:
    (tmp_path / "relays.json").write_bytes(b"\xff\xfe{")
    assert run(tmp_path).output.splitlines()[-1] == "0 passed, 1 failed"


def test_a_folder_where_a_file_should_be_fails(tmp_path: Path) -> None:
    (tmp_path / "relays.json").mkdir()
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "cannot be read" in result.output


def test_an_empty_folder_fails(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "no vector file" in result.output


def test_a_missing_folder_is_one_line_of_usage(tmp_path: Path) -> None:
    result = run(tmp_path / "missing")
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_a_file_may_have_another_name(tmp_path: Path) -> None:
    document = DOCUMENTS["difficulty"]
    (tmp_path / "set-two.json").write_text(json.dumps(document))
    del (other := dict(document))["file"]
    (tmp_path / "difficulty-two.json").write_text(json.dumps(other))
    assert run(tmp_path).exit_code == 0


def test_the_first_mismatch_of_each_kind_is_shown_in_full(tmp_path: Path) -> None:
    items = short("relays", "proof_paths", 3)
    right = [item["path"] for item in items]
    for item in items[1:]:
        item["path"] = "00" * 32
    result = run_group(tmp_path, "relays", "proof_paths", items)
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines == [
        "relays.json proof_paths: 1 passed, 2 failed",
        "[1] path",
        f'expected: "{"00" * 32}"',
        f'computed: "{right[1]}"',
        "1 passed, 2 failed",
    ]


def test_texts_of_the_reference_are_shown_but_not_compared(tmp_path: Path) -> None:
    items = short("smst", "tampered", 1)
    items[0].update(stage="unmarshal", error="another text")
    assert run_group(tmp_path, "smst", "tampered", items).exit_code == 0
    items[0]["verify"] = True
    output = run_group(tmp_path, "smst", "tampered", items).output
    assert "stage: unmarshal" in output
    assert "error: another text" in output


def test_fields_that_nobody_compares_are_named(tmp_path: Path) -> None:
    items = short("relays", "proof_paths", 1)
    items[0]["news"] = 1
    result = run_group(tmp_path, "relays", "proof_paths", items)
    assert result.exit_code == 0
    assert "not compared: news" in result.output


def test_single_groups_are_known() -> None:
    assert {group for _, group in GROUPS} >= SINGLE
