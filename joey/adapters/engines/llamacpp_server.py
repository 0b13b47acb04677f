"""The child process in which llama.cpp runs: `python -m joey.adapters.engines.llamacpp_server`.

One line of JSON settings comes over standard input, one line of JSON goes out: `{"port": ...}` once
the model answers, or `{"error": ...}`. Then the process serves until standard input ends, which it
does when the parent closes it or dies; on Linux the kernel kills it with its parent besides.

llama.cpp's own words are read only while it loads. After that they go nowhere: they may quote prompts.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import tempfile
from typing import IO, Any
from urllib.parse import urlsplit

__all__ = ["find_reason", "main"]

_PR_SET_PDEATHSIG = 1
"""Source: Linux, include/uapi/linux/prctl.h."""

_ERRORS_ONLY = 1


def main() -> None:
    """Load, report, serve, end with the parent."""
    settings = json.loads(sys.stdin.readline())
    _die_with(int(settings["parent"]))
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    with tempfile.TemporaryFile() as words, open(os.devnull, "wb") as nowhere:
        _send_output_to(words)
        try:
            server = _load(settings)
        except Exception as error:  # noqa: BLE001 - the outermost handler: told to the parent in one line
            answer: dict[str, Any] = {"error": find_reason(words) or f"{type(error).__name__}: {error}"}
        else:
            answer = {"port": urlsplit(server.listening_address).port}
        _send_output_to(nowhere)
    report.write(json.dumps(answer) + "\n")
    report.flush()
    if "port" in answer:
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
    # llama.cpp's threads may be in the middle of an answer that nobody waits for.
    os._exit(0 if "port" in answer else 1)


def _die_with(parent: int) -> None:
    """End when the parent ends, however it ends; at once if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _send_output_to(file: IO[bytes]) -> None:
    for descriptor in (1, 2):
        os.dup2(file.fileno(), descriptor)


def _load(settings: dict[str, Any]) -> Any:
    import xllamacpp

    slots = int(settings["slots"])
    threads = int(settings["threads"])
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["api_key"]]
    params.n_parallel = slots
    params.n_ctx = int(settings["context"]) * slots
    params.n_predict = int(settings["tokens_out_max"])
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # A connection holds a thread while its answer runs; two more for health and for a hang-up.
    params.n_threads_http = slots + 2
    # Idle prompts would be kept in up to 8 GB of memory.
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    params.endpoint_props = False
    params.ui = False
    params.offline = True
    params.verbosity = _ERRORS_ONLY
    return xllamacpp.Server(params)


def find_reason(words: IO[bytes]) -> str:
    """Return the first error that llama.cpp told while loading, or nothing.

    Its lines read `0.00.020.071 E gguf_init_from_reader: failed to read key-value pairs`.
    """
    words.seek(0)
    for line in words.read().decode(errors="replace").splitlines():
        _, level, told = line.partition(" E ")
        if level:
            return " ".join(told.split())
    return ""


if __name__ == "__main__":
    main()
