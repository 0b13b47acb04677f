"""`joey up` through the official OpenAI client, interrupted, killed, taken up again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

MODEL = "smollm2-135m-instruct"
QUESTION: list[Any] = [{"role": "user", "content": "Say hello."}]
RunUp = Callable[..., AbstractContextManager[Any]]
RunJoey = Callable[..., subprocess.CompletedProcess[str]]


def connect(up: Any, **options: Any) -> OpenAI:
    return OpenAI(base_url=up.base_url, api_key=up.api_key, max_retries=0, timeout=60, **options)


def ask(client: OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(
        **{"model": MODEL, "messages": QUESTION, "max_tokens": 8, "seed": 1, "temperature": 0, **options}
    )


def test_whole_and_streamed_answers_are_the_same(shared_up: Any) -> None:
    with connect(shared_up) as client:
        whole = ask(client)
        assert whole.choices[0].message.content
        assert whole.usage.completion_tokens <= 8
        with ask(client, stream=True, stream_options={"include_usage": True}) as stream:
            chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.anyio
async def test_the_async_client_asks_in_parallel(shared_up: Any) -> None:
    import anyio

    texts: list[str] = []
    async with AsyncOpenAI(base_url=shared_up.base_url, api_key=shared_up.api_key, max_retries=0) as client:

        async def ask_one() -> None:
            answer = await client.chat.completions.create(
                model=MODEL, messages=QUESTION, max_tokens=8, seed=1, temperature=0
            )
            texts.append(answer.choices[0].message.content or "")

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(ask_one)
    assert len(texts) == 6
    assert all(texts)


def test_legacy_completions_and_models(shared_up: Any) -> None:
    with connect(shared_up) as client:
        assert client.completions.create(model=MODEL, prompt="Once upon", max_tokens=4).choices[0].text
        assert [model.id for model in client.models.list()] == [MODEL]
        assert client.models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize(
    ("error", "code", "options"),
    [
        (openai.NotFoundError, "model_not_found", {"model": "gpt-9"}),
        (openai.BadRequestError, "context_length_exceeded", {"max_tokens": 1001}),
        (
            openai.BadRequestError,
            "context_length_exceeded",
            {"messages": [{"role": "user", "content": "x" * 601}]},
        ),
        (openai.BadRequestError, None, {"max_tokens": "many"}),
        (openai.BadRequestError, None, {"messages": "hello"}),
    ],
)
def test_errors_are_of_the_sdks_own_classes(
    shared_up: Any, error: type[openai.APIStatusError], code: str | None, options: dict[str, Any]
) -> None:
    with connect(shared_up) as client, pytest.raises(error) as caught:
        ask(client, **options)
    assert caught.value.code == code
    assert caught.value.request_id


def test_a_wrong_key_is_an_authentication_error(shared_up: Any) -> None:
    stranger = OpenAI(base_url=shared_up.base_url, api_key="joey-wrong", max_retries=0)
    with stranger as client, pytest.raises(openai.AuthenticationError) as caught:
        ask(client)
    assert caught.value.code == "invalid_api_key"


def test_broken_and_oversized_bodies_have_clear_errors(shared_up: Any) -> None:
    headers = {"Authorization": f"Bearer {shared_up.api_key}", "Content-Type": "application/json"}
    with httpx2.Client(headers=headers) as http:
        url = f"{shared_up.base_url}/chat/completions"
        broken = http.post(url, content=b'{"model": ')
        assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
        large = http.post(url, content=b" " * (2 << 20))
        assert (large.status_code, large.json()["error"]["type"]) == (413, "invalid_request_error")
        lost = http.get(f"{shared_up.base_url}/nothing")
        assert (lost.status_code, lost.json()["error"]["type"]) == (404, "invalid_request_error")
        wrong = http.delete(url)
        assert (wrong.status_code, wrong.json()["error"]["type"]) == (405, "invalid_request_error")


def test_ctrl_c_stops_everything_and_a_second_start_takes_up_state(run_up: RunUp, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with run_up("--data", str(data)) as up:
        key = up.api_key
        children = up.find_children()
        assert children, "the engines are processes of their own"
        assert up.stop(signal.SIGINT) == 0
        assert up.find_survivors(children) == set()
    for file in (data / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with run_up("--data", str(data)) as up:
        assert up.api_key == key
        height = int(up.wait_for_line(r"chain at block (\d+)")[1])
        assert height > 1
        with connect(up) as client:
            assert ask(client).choices[0].message.content


SETTLED = r"settled: burned (\d+)\.(\d{6}) POKT, minted \1\.\2 POKT"


def count_settled(lines: list[str]) -> int:
    """Relays of 3,000 upokt in the lines that tell of a settlement."""
    found = (re.search(SETTLED, line) for line in lines)
    return sum(int(match[1] + match[2]) for match in found if match) // 3000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_stopped_network_served_is_paid_after_a_restart(
    run_up: RunUp, run_joey: RunJoey, tmp_path: Path, number: signal.Signals
) -> None:
    # Sessions in every phase when it stops: open, in grace, in the claim window, claimed.
    data = tmp_path / "data"
    settings = {"JOEY_CHAIN__BLOCK_INTERVAL_S": "0.4"}
    answered = 0
    with run_up("--data", str(data), environment=settings) as up:
        with connect(up) as client:
            while count_settled(up.lines) == 0:
                assert ask(client, max_tokens=2).choices
                answered += 1
        children = up.find_children()
        up.stop(number)
        assert up.find_survivors(children) == set(), "an engine outlived its node"
    with run_up("--data", str(data), environment=settings) as up:
        assert up.base_url
        burned, looks = 0, 0
        while burned < 3000 * answered:
            looks += 1
            assert looks < 100, f"{burned} upokt paid for {answered} relays:\n" + "\n".join(up.lines)
            books = json.loads(run_joey("economy", "audit", "--json", "--data", str(data)).stdout)
            burned = int(books["burned_upokt"])
        assert burned == 3000 * answered
        assert not any("LOST" in line for line in up.lines)
        assert up.stop(signal.SIGINT) == 0
    books = json.loads(run_joey("economy", "audit", "--json", "--data", str(data)).stdout)
    assert books["differences"] == []


def test_an_engine_that_dies_in_mid_answer_is_an_error_and_comes_back(run_up: RunUp, tmp_path: Path) -> None:
    settings = tmp_path / "joey.toml"
    settings.write_text("[[node]]\n")
    with run_up("--ephemeral", "--config", str(settings)) as up, connect(up) as client:
        (engine,) = up.find_children()
        with ask(client, stream=True, max_tokens=900, logit_bias={"2": -100}) as stream:
            next(iter(stream))
            os.kill(engine, signal.SIGKILL)
            with pytest.raises(openai.APIError):
                for _ in stream:
                    pass
        up.wait_for_line(r"failed: supplier\.engine_failed")
        (again,) = wait_for_other_child(up, engine)
        assert again != engine
        with connect(up) as patient:
            assert ask(patient.with_options(max_retries=8)).choices[0].message.content


def wait_for_other_child(up: Any, gone: int) -> set[int]:
    """Wait, within the test's time limit, until the engine has been started anew."""
    children: set[int] = set()
    while not children:
        children = up.find_children() - {gone}
    return children


def test_a_taken_port_is_one_clear_line(run_joey: RunJoey, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = run_joey("up", "--ephemeral", "--listen", f"127.0.0.1:{port}")
    assert ended.returncode == 2
    assert f"127.0.0.1:{port} is taken" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "there is no model file"), (b"not a model at all, just text", "is not a GGUF model file")],
)
def test_a_model_that_cannot_be_loaded_is_one_clear_line(
    run_joey: RunJoey, tmp_path: Path, content: bytes | None, says: str
) -> None:
    model = tmp_path / "model.gguf"
    if content is not None:
        model.write_bytes(content)
    ended = run_joey("up", "--ephemeral", "--listen", "127.0.0.1:0", "--model", str(model))
    assert ended.returncode == 2
    assert says in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_two_networks_do_not_share_a_folder(run_up: RunUp, run_joey: RunJoey, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with run_up("--data", str(data)) as up:
        up.wait_for_line("chain at block")
        ended = run_joey("up", "--listen", "127.0.0.1:0", "--data", str(data))
    assert ended.returncode == 2
    assert "in use by another joey" in ended.stderr


def test_no_prompt_and_no_answer_is_left_outside_the_relay_log(run_up: RunUp, tmp_path: Path) -> None:
    canary = "xylophone-quartz-9137"
    data = tmp_path / "data"
    with run_up("--data", str(data), "--log-level", "debug") as up, connect(up) as client:
        content = f"Repeat: {canary}"
        assert ask(client, messages=[{"role": "user", "content": content}]).choices
        assert up.stop(signal.SIGINT) == 0
        printed = "\n".join(up.lines)
    assert canary not in printed
    holders = {
        file.name.split(".")[0]
        for file in data.rglob("*")
        if file.is_file() and canary.encode() in file.read_bytes()
    }
    assert len(holders) == 1, "one node, until the relay is settled"
    assert next(iter(holders)).startswith("node-")


ECHO = """
[[node]]
[[node.services]]
engine = { kind = "echo" }
"""


def test_a_hangup_stops_a_network_as_ctrl_c_does(run_up: RunUp, tmp_path: Path) -> None:
    settings = tmp_path / "joey.toml"
    settings.write_text(ECHO)
    with run_up("--data", str(tmp_path / "data"), "--config", str(settings)) as up:
        with connect(up) as client:
            assert ask(client).choices[0].message.content == "Say hello."
        assert up.stop(signal.SIGHUP) == 0
        assert any(line.endswith("stopped") for line in up.lines)
