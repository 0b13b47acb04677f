"""llama.cpp in its child process, with the real small model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from joey.adapters.engines.llamacpp import LlamaCppEngine
from joey.core.errors import ConfigError, EngineFailed, InvariantBroken
from joey.ports.engine import Engine
from joey.testing.engine_contract import EngineContract, ask, make_chat

NAME = "smollm2-135m-instruct"


class TestLlamaCppEngine(EngineContract):
    model = NAME

    @pytest.fixture(autouse=True)
    def _take_model(self, small_model: Path) -> None:
        self.path = small_model

    def make_engine(self) -> Engine:
        return LlamaCppEngine(self.path, name=NAME, threads=1)


@asynccontextmanager
async def running(engine: LlamaCppEngine) -> AsyncIterator[LlamaCppEngine]:
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.anyio
async def test_answers_end_without_a_maximum_in_the_request(small_model: Path) -> None:
    request = make_chat(NAME, "Count from one to a hundred.", ignore_eos=True)
    async with running(LlamaCppEngine(small_model, name=NAME, tokens_out_max=7, threads=1)) as engine:
        body = json.loads((await ask(engine, request)).body)
    assert body["usage"]["completion_tokens"] == 7
    assert body["choices"][0]["finish_reason"] == "length"


@pytest.mark.anyio
async def test_a_child_that_dies_in_mid_answer_is_replaced(small_model: Path) -> None:
    request = make_chat(NAME, "Tell me a long story.", stream=True, ignore_eos=True)
    async with running(LlamaCppEngine(small_model, name=NAME, threads=1)) as engine:
        first = engine.process_id
        assert first is not None
        with pytest.raises(EngineFailed):
            async with engine.open(request, deadline=anyio.current_time() + 60) as exchange:
                async for _ in exchange.chunks():
                    if is_alive(first):
                        os.kill(first, signal.SIGKILL)
        with anyio.fail_after(60):
            await engine.wait_healthy(False)
            await engine.wait_healthy()
        assert engine.process_id not in {first, None}
        assert (await engine.status()).healthy
        answer = await ask(engine, make_chat(NAME, "Are you back?", max_tokens=3))
        assert answer.status == 200


@pytest.mark.anyio
async def test_while_there_is_no_child_calls_fail_at_once(small_model: Path) -> None:
    async with running(LlamaCppEngine(small_model, name=NAME, threads=1)) as engine:
        assert engine.process_id is not None
        os.kill(engine.process_id, signal.SIGKILL)
        with anyio.fail_after(10):
            await engine.wait_healthy(False)
        assert not (await engine.status()).healthy
        with pytest.raises(EngineFailed, match="not loaded"):
            await ask(engine, make_chat(NAME, "Anyone?"))


@pytest.mark.anyio
async def test_stop_leaves_no_process_and_starting_twice_is_our_bug(small_model: Path) -> None:
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    async with running(engine):
        process_id = engine.process_id
        assert process_id is not None
        assert is_alive(process_id)
        with pytest.raises(InvariantBroken):
            await engine.start()
    assert not is_alive(process_id)


@pytest.mark.anyio
async def test_an_answer_that_runs_outlives_the_cancellation_of_its_role(small_model: Path) -> None:
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    request = make_chat(NAME, "Count.", max_tokens=60, stream=True, ignore_eos=True)
    seen: list[bytes] = []
    begun, finished = anyio.Event(), anyio.Event()
    process_ids: list[int] = []

    async def run_role() -> None:
        async with running(engine):
            assert engine.process_id is not None
            process_ids.append(engine.process_id)
            begun.set()
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await finished.wait()

    async with anyio.create_task_group() as tasks:
        role = anyio.CancelScope()

        async def run_cancelled() -> None:
            with role:
                await run_role()

        tasks.start_soon(run_cancelled)
        await begun.wait()
        async with engine.open(request, deadline=anyio.current_time() + 60) as exchange:
            async for chunk in exchange.chunks():
                seen.append(chunk)
                role.cancel()
        finished.set()
    assert seen[-1].endswith(b"data: [DONE]\n\n")
    assert not is_alive(process_ids[0])


@pytest.mark.anyio
@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.1, 0.3, 0.6, 1.0])
async def test_a_start_that_is_cancelled_leaves_no_process(small_model: Path, after_s: float) -> None:
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    with anyio.move_on_after(after_s):
        async with running(engine):
            await anyio.sleep_forever()
    assert list_children() == []


def list_children() -> list[str]:
    """Return the servers among this process's children."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                status, command = (folder / "status").read_text(), (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if f"PPid:\t{os.getpid()}\n" in status and b"llamacpp_server" in command:
                found.append(folder.name)
    return found


@pytest.mark.anyio
async def test_prompts_and_answers_reach_no_output(
    small_model: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with running(LlamaCppEngine(small_model, name=NAME, threads=1)) as engine:
        await ask(engine, make_chat(NAME, "ZEBRAWORD", max_tokens=3))
        await ask(engine, make_chat(NAME, "ZEBRAWORD", grammar='root ::= "ZEBRAWORD', max_tokens=3))
    said = "".join(capfd.readouterr()) + caplog.text
    assert "ZEBRAWORD" not in said


@pytest.mark.anyio
async def test_only_this_process_has_the_key(small_model: Path) -> None:
    async with running(LlamaCppEngine(small_model, name=NAME, threads=1)) as engine:
        ports = list_listening_ports(engine.process_id)
        assert len(ports) == 1
        url = f"http://127.0.0.1:{ports[0]}/v1/models"
        with pytest.raises(urllib.error.HTTPError) as refused:
            await anyio.to_thread.run_sync(urllib.request.urlopen, url)
        refused.value.close()
    assert refused.value.code == 401


def list_listening_ports(process_id: int | None) -> list[int]:
    """Read from /proc which TCP ports a process listens on."""
    sockets = set()
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        target = os.readlink(descriptor)
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in sockets]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no model file"),
        (b"PK\x03\x04 this is a wheel, not a model", "is not a GGUF model file"),
        (b"GGUF", "is not a GGUF model file"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 4096, "llama.cpp cannot load"),
    ],
)
async def test_a_missing_or_broken_file_is_one_clear_line(
    tmp_path: Path, content: bytes | None, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as raised:
        await LlamaCppEngine(path).start()
    assert str(path) in raised.value.message
    assert "joey models list" in raised.value.message
    assert "\n" not in raised.value.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.anyio
async def test_a_file_cut_short_is_told_with_the_reason(small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    with small_model.open("rb") as file:
        path.write_bytes(file.read(5_000_000))
    with pytest.raises(ConfigError, match=r"llama.cpp cannot load .*short\.gguf \(.+\)"):
        await LlamaCppEngine(path).start()


@pytest.mark.anyio
async def test_a_model_that_loads_too_slowly(small_model: Path) -> None:
    with pytest.raises(ConfigError, match="use a smaller model"):
        await LlamaCppEngine(small_model, start_timeout_s=0.01).start()


PARENT = """
import sys, anyio
from pathlib import Path
from joey.adapters.engines.llamacpp import LlamaCppEngine

async def main() -> None:
    engine = LlamaCppEngine(Path(sys.argv[1]), threads=1)
    await engine.start()
    print(engine.process_id, flush=True)
    await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.anyio
async def test_the_child_dies_with_its_parent(small_model: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(small_model)]
    async with await anyio.open_process(command, stdout=subprocess.PIPE, stderr=None) as parent:
        assert parent.stdout is not None
        child = int(await parent.stdout.receive())
        ended = os.pidfd_open(child)
        parent.kill()
        await parent.wait()
        with anyio.fail_after(10):
            await anyio.wait_readable(ended)
        os.close(ended)
