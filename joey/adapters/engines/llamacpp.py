"""llama.cpp with a GGUF file, in a child process that this engine starts, watches and restarts.

The child (`llamacpp_server`) serves HTTP on a loopback port of its own choosing, behind a key that
only this process knows, and ends with this process however that ends. A child that dies takes the
answers it was giving with it (`EngineFailed`); the next child is started after a pause that doubles
from half a second to half a minute while children keep dying young.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import Process, TaskGroup

from joey.adapters.engines.openai import OpenAIEngine
from joey.core.errors import ConfigError, EngineFailed, InvariantBroken
from joey.core.wire.envelope import HttpRequest
from joey.models.files import check_gguf
from joey.ports.engine import EngineExchange, EngineStatus

__all__ = ["LlamaCppEngine"]

_log = logging.getLogger("joey.engine.llamacpp")

_PAUSE_FIRST_S = 0.5
_PAUSE_MAX_S = 30.0
_STOP_S = 2.0
_SETTLED_S = 60.0
"""A child that lived this long did not die young."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: Process
    upstream: OpenAIEngine
    started: float


class LlamaCppEngine:
    """Fulfils `joey.ports.engine.Engine` with a model of our own.

    `context` is in tokens and per slot. `tokens_out_max` ends an answer whose request names no
    maximum. `threads` 0 takes half of the cores this process may use, so that two nodes fit on one
    machine. `start` and `stop` must be called from the same task, which owns the watching. Cancelling
    that task does not end the child: answers that run may finish until `stop`.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        name: str = "",
        slots: int = 2,
        context: int = 2048,
        tokens_out_max: int = 1000,
        threads: int = 0,
        start_timeout_s: float = 300.0,
    ) -> None:
        self._path = model_path.absolute()
        self._name = name or model_path.stem
        self._slots = slots
        self._context = context
        self._tokens_out_max = tokens_out_max
        self._threads = threads or max(1, len(os.sched_getaffinity(0)) // 2)
        self._start_timeout_s = start_timeout_s
        self._child: _Child | None = None
        self._changed = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._watching = anyio.CancelScope(shield=True)
        self._ended = anyio.Event()

    async def start(self) -> None:
        """Load the model; return once it answers.

        Raises `ConfigError` when the file is missing or broken, or llama.cpp cannot load it.
        """
        if self._tasks is not None:
            raise InvariantBroken("the engine was started twice")
        child = await self._launch()
        # No wait from here on: whoever is cancelled now has the watcher to end the child.
        self._set_child(child)
        self._watching, self._ended = anyio.CancelScope(shield=True), anyio.Event()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._watch, child)

    async def stop(self) -> None:
        """End the child; what it was answering breaks off."""
        if self._tasks is not None:
            tasks, self._tasks = self._tasks, None
            self._watching.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()
            await tasks.__aexit__(None, None, None)

    async def status(self) -> EngineStatus:
        """Describe the engine; it is healthy while its child lives."""
        return EngineStatus("llamacpp", (self._name,), self._slots, healthy=self._child is not None)

    async def wait_healthy(self, healthy: bool = True) -> None:
        """Return when a child answers, or, with false, when there is none."""
        while (self._child is not None) != healthy:
            await self._changed.wait()

    @property
    def process_id(self) -> int | None:
        """The child's process id, for whoever watches memory; `None` while there is no child."""
        return self._child.process.pid if self._child is not None else None

    @asynccontextmanager
    async def open(self, request: HttpRequest, *, deadline: float) -> AsyncIterator[EngineExchange]:
        """Send one request to the child. Raises `EngineFailed` also while there is none."""
        child = self._child
        if child is None:
            raise EngineFailed("the model is not loaded at the moment")
        async with child.upstream.open(request, deadline=deadline) as exchange:
            yield exchange

    async def _watch(self, child: _Child) -> None:
        """Keep a child running until `stop`, and only until then: a role that ends still answers."""
        pause_s = _PAUSE_FIRST_S
        try:
            with self._watching:
                while True:
                    status = await child.process.wait()
                    self._set_child(None)
                    await child.upstream.stop()
                    if anyio.current_time() - child.started >= _SETTLED_S:
                        pause_s = _PAUSE_FIRST_S
                    child, pause_s = await self._restart(status, pause_s)
                    self._set_child(child)
        finally:
            self._set_child(None)
            with anyio.CancelScope(shield=True):
                await child.upstream.stop()
                await _end(child.process)
            self._ended.set()

    def _set_child(self, child: _Child | None) -> None:
        self._child = child
        self._changed.set()
        self._changed = anyio.Event()

    async def _restart(self, status: int, pause_s: float) -> tuple[_Child, float]:
        reason = _describe_end(status)
        while True:
            _log.error("llama.cpp with %s %s; starting it again in %.1f s", self._name, reason, pause_s)
            await anyio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            try:
                return await self._launch(), pause_s
            except (ConfigError, OSError) as error:
                reason = f"did not start ({error})"

    async def _launch(self) -> _Child:
        await anyio.to_thread.run_sync(check_gguf, self._path)
        api_key = secrets.token_urlsafe(24)
        # Whoever is cancelled while the process comes to life would not know whom to end.
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                [sys.executable, "-m", "joey.adapters.engines.llamacpp_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            port = await self._greet(process, api_key)
            upstream = OpenAIEngine(
                f"http://127.0.0.1:{port}",
                api_key=api_key,
                models=(self._name,),
                slots=self._slots,
                kind="llamacpp",
            )
            await upstream.start()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _end(process)
            raise
        return _Child(process, upstream, anyio.current_time())

    async def _greet(self, process: Process, api_key: str) -> int:
        """Tell a new child its settings and return the port on which it answers."""
        settings = {
            "parent": os.getpid(),
            "model": str(self._path),
            "name": self._name,
            "api_key": api_key,
            "slots": self._slots,
            "context": self._context,
            "tokens_out_max": self._tokens_out_max,
            "threads": self._threads,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        answer = b""
        try:
            with anyio.fail_after(self._start_timeout_s):
                await process.stdin.send(json.dumps(settings).encode() + b"\n")
                while not answer.endswith(b"\n"):
                    answer += await process.stdout.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            reason = _describe_end(await process.wait())
            raise ConfigError(
                f"llama.cpp with {self._path} {reason} while loading: is there enough memory?"
            ) from None
        except TimeoutError:
            raise ConfigError(
                f"llama.cpp did not load {self._path} in {self._start_timeout_s:.0f} s: use a smaller model"
            ) from None
        told = json.loads(answer)
        if "error" in told:
            raise ConfigError(
                f"llama.cpp cannot load {self._path} ({told['error']}): "
                "fetch the file again or use another; `joey models list` shows some"
            )
        return int(told["port"])


async def _end(process: Process) -> None:
    """End a child and all of its group, politely first."""
    if process.returncode is None:
        if process.stdin is not None:
            with suppress(OSError, anyio.BrokenResourceError):
                await process.stdin.aclose()
        with anyio.move_on_after(_STOP_S):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.aclose()


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by signal {signal.Signals(-status).name}"
