"""Install Joey and the extras named as arguments, exactly as `requirements.lock` pins them.

Run by the Makefile with the interpreter of `.venv`. Only what the extras ask for is installed, and
every file is checked against the digest in the lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def read_name(requirement: str) -> str:
    """Return the normalised name of a requirement such as `anyio>=4.6`."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def read_lock(lock: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return each locked package's block of lines, and the packages that want it."""
    blocks: dict[str, str] = {}
    wanted_by: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        pins, _, via = block.partition("    # via")
        if "==" in pins and not pins.startswith("#"):
            name = read_name(pins)
            blocks[name] = pins
            wanted_by[name] = {read_name(line.strip("# ")) for line in via.splitlines() if line.strip("# -")}
    return blocks, wanted_by


def select(lock: str, roots: set[str]) -> str:
    """Return the part of the lock that `roots` and their dependencies need."""
    blocks, wanted_by = read_lock(lock)
    chosen = {name for name in blocks if name in roots}
    while more := {name for name, parents in wanted_by.items() if parents & chosen} - chosen:
        chosen |= more
    missing = roots - chosen
    assert not missing, f"not in requirements.lock, run `make lock`: {sorted(missing)}"
    return "\n".join(blocks[name] for name in sorted(chosen))


def main(extras: list[str]) -> int:
    """Return pip's exit status."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["build-system"]["requires"]) + list(project["project"]["dependencies"])
    for extra in extras:
        wanted += project["project"]["optional-dependencies"][extra]
    chosen = select((ROOT / "requirements.lock").read_text(), {read_name(text) for text in wanted})
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(chosen)
        requirements.flush()
        for step in (
            [*pip, "--require-hashes", "--no-deps", "--requirement", requirements.name],
            [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        ):
            status = subprocess.run(step, check=False).returncode  # noqa: S603 - our own arguments
            if status:
                sys.stderr.write("the installation failed; the lines above say why\n")
                return status
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
