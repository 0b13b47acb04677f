"""From nothing to the first signed answer: the install, the model, the network, the answer.

Prints one JSON object. `fresh` is done once, in a copy of the tracked files in a temporary folder, and
depends on the registry's mood; `up` is `joey up --ephemeral --once`, repeated, with the times that it
prints. The promise is 20 s from `joey up` to the first answer; the rival's figure is from its documents.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from speed.machine import describe_machine
from speed.processes import spread

ROOT = Path(__file__).parent.parent
REPETITIONS = 7
PROMISE_S = 20
RIVAL = "about 20 commands, 60 to 90 minutes, Kubernetes (documents of the network's own Go stack)"

STEPS = {
    "chain open": r"chain at block",
    "portal staked": r"the applications have delegated",
    "model loaded, nodes listen": r"node \d listens",
    "suppliers staked": r"suppliers are staked",
    "session drawn, gateway answers": r"has drawn",
    "first signed answer": r"answered, signed",
    "claimed": r"claimed in block",
    "settled": r"settled in block",
}


def run_timed(command: list[str], cwd: Path) -> tuple[float, str]:
    """Return the seconds a command took and what it printed; it must succeed."""
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, ended.stderr


def measure_up() -> dict[str, float]:
    """Return the seconds after which each step was reached, the process's own start included."""
    command = [sys.executable, "-m", "joey", "up", "--listen", "127.0.0.1:0", "--ephemeral"]
    total_s, printed = run_timed([*command, "--once", "Who won the world series in 2020?"], ROOT)
    steps: dict[str, float] = {}
    for name, pattern in STEPS.items():
        times = re.findall(rf"^ *([\d.]+) s  .*{pattern}", printed, re.M)
        steps[name] = float(times[-1])
    started_s = total_s - float(re.findall(r"^ *([\d.]+) s  ", printed, re.M)[-1])
    return {**steps, "process start and stop": started_s, "all": total_s}


def measure_fresh() -> dict[str, Any]:
    """Return the seconds of each part on a machine that has Python and nothing of ours."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "joey"
        copy.mkdir()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(
            ["tar", "--null", "--files-from=-", "-cf", str(copy / "all.tar")],
            cwd=ROOT,
            input=files,
            check=True,
        )
        subprocess.run(["tar", "-xf", "all.tar"], cwd=copy, check=True)
        install_s, _ = run_timed(["make", f"PYTHON={sys.executable}", "install"], copy)
        pull_s, _ = run_timed(
            [".venv/bin/joey", "models", "pull", "smollm2-135m-instruct", "--folder", f"{name}/models"], copy
        )
        installed = subprocess.run(
            ["du", "-sm", str(copy / ".venv")], capture_output=True, text=True, check=True
        ).stdout
    return {
        "install_s": round(install_s, 1),
        "model_s": round(pull_s, 1),
        "installed_mb": int(installed.split()[0]),
    }


def main() -> None:
    """Measure and print."""
    runs = [measure_up() for _ in range(REPETITIONS)]
    result = {
        "name": "start",
        "up_s": {name: spread([run[name] for run in runs]) for name in runs[0]},
        "promise_s": PROMISE_S,
        "fresh": measure_fresh(),
        "rival": RIVAL,
        "machine": describe_machine(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
