"""The CometBFT endpoint, asked with plain HTTP and web sockets; shapes are those of its openapi."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import aiohttp
import pytest

from joey.core.units import Upokt
from joey.core.wire.messages import Send
from joey.testing.worlds import World, make_key

pytestmark = pytest.mark.anyio

OpenWire = Any
KEY = make_key("application")
PAYEE = make_key("supplier 1").address
HASH = re.compile(r"[0-9A-F]{64}")
TIME = re.compile(r"2026-01-05T00:00:[0-5][0-9]Z")


async def post(wire: Any, body: Any, *, status: int = 200) -> Any:
    """POST JSON, or bytes as they are, and return the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with wire.http.post(f"http://{wire.served.rpc}/", data=data) as response:
        assert response.status == status
        text = await response.text()
    return json.loads(text) if text else None


async def call(wire: Any, method: str, **params: Any) -> Any:
    return await post(wire, {"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


async def get_error(wire: Any, path: str) -> Any:
    async with wire.http.get(f"http://{wire.served.rpc}/{path}") as response:
        assert response.status == 500
        return (await response.json())["error"]


async def test_status(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        await wire.make_blocks(3)
        head, first = await wire.served.chain.head(), await wire.served.chain.block(1)
        assert await wire.get("health") == {}
        status = await wire.get("status")
        assert status["node_info"]["network"] == "joey-test"
        sync = status["sync_info"]
        assert sync["latest_block_height"] == "4"
        assert sync["latest_block_hash"] == head.hash.hex().upper()
        assert sync["earliest_block_height"] == "1"
        assert sync["earliest_block_hash"] == first.hash.hex().upper()
        assert sync["latest_block_time"] == "2026-01-05T00:00:03Z"
        assert sync["catching_up"] is False
        validator = status["validator_info"]
        key = base64.b64decode(validator["pub_key"]["value"])
        assert validator["address"] == hashlib.sha256(key).hexdigest()[:40].upper()
        info = (await wire.get("abci_info"))["response"]
        assert info["last_block_height"] == "4"


async def test_a_block_has_the_shape_of_the_network(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(KEY.address, PAYEE, Upokt(5))], KEY)
        await wire.broadcast(raw)
        await wire.make_blocks()
        result = await wire.get("block?height=2")
        assert result.keys() == {"block_id", "block"}
        first = await wire.served.chain.block(1)
        second = await wire.served.chain.block(2)
        assert result["block_id"] == {
            "hash": second.hash.hex().upper(),
            "parts": {"total": 1, "hash": second.hash.hex().upper()},
        }
        block = result["block"]
        assert block.keys() == {"header", "data", "evidence", "last_commit"}
        assert block["data"] == {"txs": [base64.b64encode(raw).decode()]}
        assert block["evidence"] == {"evidence": []}
        header = block["header"]
        assert header.keys() == {
            "version",
            "chain_id",
            "height",
            "time",
            "last_block_id",
            "last_commit_hash",
            "data_hash",
            "validators_hash",
            "next_validators_hash",
            "consensus_hash",
            "app_hash",
            "last_results_hash",
            "evidence_hash",
            "proposer_address",
        }
        assert (header["chain_id"], header["height"]) == ("joey-test", "2")
        assert TIME.fullmatch(header["time"])
        assert header["last_block_id"]["hash"] == first.hash.hex().upper()
        assert all(HASH.fullmatch(value) for key, value in header.items() if key.endswith("_hash"))
        # One leaf: SHA-256 of 0x00 and the transaction's hash.
        leaf = hashlib.sha256(b"\0" + hashlib.sha256(raw).digest()).hexdigest().upper()
        assert header["data_hash"] == leaf
        assert len(header["proposer_address"]) == 40
        assert (await wire.get("header?height=2"))["header"] == header
        assert (await wire.get("block"))["block"]["header"]["height"] == "2"
        genesis = (await wire.get("block?height=1"))["block"]
        assert genesis["header"]["last_block_id"] == {"hash": "", "parts": {"total": 0, "hash": ""}}
        assert genesis["last_commit"]["height"] == "0"


async def test_results_of_a_block_and_a_transaction(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(KEY.address, PAYEE, Upokt(5))], KEY)
        sent = await call(wire, "broadcast_tx_sync", tx=base64.b64encode(raw).decode())
        name = hashlib.sha256(raw).hexdigest().upper()
        assert sent["result"] == {"code": 0, "data": "", "log": "", "codespace": "", "hash": name}
        again = await call(wire, "broadcast_tx_sync", tx=base64.b64encode(raw).decode())
        assert again["error"] == {
            "code": -32603,
            "message": "Internal error",
            "data": "tx already exists in cache",
        }
        await wire.make_blocks()
        results = await wire.get("block_results?height=2")
        assert results.keys() == {
            "height",
            "txs_results",
            "finalize_block_events",
            "validator_updates",
            "consensus_param_updates",
            "app_hash",
        }
        assert results["height"] == "2"
        [result] = results["txs_results"]
        assert (result["code"], result["codespace"], result["events"]) == (0, "", [])
        assert int(result["gas_used"]) > 0
        assert isinstance(result["gas_wanted"], str)
        assert results["finalize_block_events"] == []
        assert (await wire.get("block_results?height=1"))["txs_results"] is None

        found = await wire.get(f"tx?hash=0x{name}")
        assert (found["hash"], found["height"], found["index"]) == (name, "2", 0)
        assert (found["tx_result"], found["tx"]) == (result, base64.b64encode(raw).decode())
        by_json = await call(wire, "tx", hash=base64.b64encode(bytes.fromhex(name)).decode())
        assert by_json["result"] == found
        error = await get_error(wire, f"tx?hash=0x{'00' * 32}")
        assert error == {"code": -32603, "message": "Internal error", "data": f"tx ({'00' * 32}) not found"}


async def test_broadcasting_by_url(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(KEY.address, PAYEE, Upokt(5))], KEY)
        wrong = await wire.sign([Send(KEY.address, PAYEE, Upokt(6))], KEY, sequence=9)
        refused = await wire.get(f"broadcast_tx_sync?tx=0x{wrong.hex()}")
        assert (refused["code"], refused["codespace"]) == (32, "sdk")
        assert "account sequence mismatch" in refused["log"] or "sequence" in refused["log"]
        sent = await wire.get(f"broadcast_tx_async?tx=0x{raw.hex()}")
        assert (sent["code"], sent["hash"]) == (0, hashlib.sha256(raw).hexdigest().upper())
        await wire.make_blocks()
        assert (await wire.get(f"tx?hash=0x{sent['hash']}"))["height"] == "2"


async def test_errors(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        ahead = await get_error(wire, "block?height=9")
        assert ahead == {
            "code": -32603,
            "message": "Internal error",
            "data": "height 9 must be less than or equal to the current blockchain height 1",
        }
        assert (await get_error(wire, "block?height=0"))["data"].startswith("height must be greater than 0")
        assert (await get_error(wire, "block?height=x"))["code"] == -32602
        assert (await get_error(wire, "tx?hash=zz"))["code"] == -32602
        half = await get_error(wire, "tx?hash=%22%5Cud800%22")
        assert (half["code"], half["data"]) == (-32602, "hash is no Unicode text")
        assert (await call(wire, "abci_query", path="\ud800"))["error"]["code"] == -32602
        assert (await wire.get("net_info"))["n_peers"] == "0"
        async with wire.http.get(f"http://{wire.served.rpc}/nothing") as response:
            assert response.status == 404
        unknown = await call(wire, "nothing")
        assert unknown == {
            "jsonrpc": "2.0",
            "id": 7,
            "error": {"code": -32601, "message": "Method not found"},
        }
        assert (await call(wire, "block", height=[1]))["error"]["code"] == -32602
        assert (await call(wire, "broadcast_tx_sync", tx="no base64"))["error"]["code"] == -32602
        assert (await call(wire, "broadcast_tx_sync"))["error"]["code"] == -32602
        parse = await post(wire, b"{", status=500)
        assert (parse["id"], parse["error"]["code"]) == (-1, -32700)
        assert parse["error"]["data"] == "error unmarshalling request: it is no JSON"
        assert (await post(wire, {"id": 1}))["error"]["code"] == -32600
        assert (await post(wire, "text"))["error"]["code"] == -32600
        assert await post(wire, {"jsonrpc": "2.0", "method": "status"}) is None


async def test_positions_batches_and_bounds(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        request = {"jsonrpc": "2.0", "id": "a", "method": "block", "params": ["1"]}
        answer = await post(wire, request)
        assert (answer["id"], answer["result"]["block"]["header"]["height"]) == ("a", "1")
        batch = await post(wire, [request, {"jsonrpc": "2.0", "method": "health"}, {**request, "id": 2}])
        assert [one["id"] for one in batch] == ["a", 2]
        too_many = await post(wire, [request] * 11, status=500)
        assert too_many["error"]["code"] == -32600
        too_large = await post(wire, b" " * 1_000_001, status=400)
        assert "more than 1000000 bytes" in too_large["error"]["data"]
        assert (await post(wire, {**request, "params": ["1", "2"]}))["error"]["code"] == -32602


async def test_grpc_calls_come_through_abci_query(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        path = "/cosmos.bank.v1beta1.Query/SupplyOf"
        answer = await call(wire, "abci_query", path=path, data=b"\x0a\x05upokt".hex(), height="1")
        response = answer["result"]["response"]
        assert (response["code"], response["height"]) == (0, "1")
        by_grpc = await wire.channel.unary_unary(path)(b"\x0a\x05upokt")
        assert base64.b64decode(response["value"]) == by_grpc
        by_url = await wire.get(f'abci_query?path="{path}"&data=0x0a0575706f6b74')
        assert by_url["response"]["value"] == response["value"]
        missing = await call(wire, "abci_query", path="/pocket.gateway.Query/Gateway", data="")
        assert (missing["result"]["response"]["code"], missing["result"]["response"]["codespace"]) == (
            22,
            "sdk",
        )
        assert (await call(wire, "abci_query", path="/nothing"))["result"]["response"]["code"] == 6


async def subscribe(socket: aiohttp.ClientWebSocketResponse, query: str, identifier: int = 1) -> Any:
    request = {"jsonrpc": "2.0", "id": identifier, "method": "subscribe", "params": {"query": query}}
    await socket.send_json(request)
    return await socket.receive_json()


async def test_blocks_and_transactions_are_published(open_wire: OpenWire) -> None:
    async with (
        open_wire(World.of_service()) as wire,
        wire.http.ws_connect(f"http://{wire.served.rpc}/websocket") as socket,
    ):
        assert await subscribe(socket, "tm.event='NewBlock'", 1) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert "result" in await subscribe(socket, "tm.event = 'NewBlockHeader'", 2)
        assert "result" in await subscribe(socket, "tm.event='Tx' AND tx.height=3", 3)
        assert "already subscribed" in (await subscribe(socket, "tm.event='NewBlock'", 4))["error"]["data"]
        assert "failed to parse query" in (await subscribe(socket, "nonsense", 5))["error"]["data"]
        raw = b""
        for height in ("2", "3"):
            raw = await wire.sign([Send(KEY.address, PAYEE, Upokt(5))], KEY)
            await wire.broadcast(raw)
            await wire.make_blocks()
            block = await socket.receive_json()
            assert block["id"] == 1
            assert block["result"]["query"] == "tm.event='NewBlock'"
            assert block["result"]["data"]["type"] == "tendermint/event/NewBlock"
            value = block["result"]["data"]["value"]
            assert value.keys() == {"block", "block_id", "result_finalize_block"}
            assert value["block"] == (await wire.get(f"block?height={height}"))["block"]
            assert len(value["result_finalize_block"]["tx_results"]) == 1
            assert block["result"]["events"]["tm.event"] == ["NewBlock"]
            header = await socket.receive_json()
            assert (header["id"], header["result"]["data"]["type"]) == (2, "tendermint/event/NewBlockHeader")
            assert header["result"]["data"]["value"]["header"] == value["block"]["header"]
        sent = await socket.receive_json()
        assert (sent["id"], sent["result"]["data"]["type"]) == (3, "tendermint/event/Tx")
        result = sent["result"]["data"]["value"]["TxResult"]
        assert (result["height"], result["tx"]) == ("3", base64.b64encode(raw).decode())
        assert sent["result"]["events"]["tx.hash"] == [hashlib.sha256(raw).hexdigest().upper()]

        await socket.send_json({"jsonrpc": "2.0", "id": 9, "method": "unsubscribe_all"})
        assert await socket.receive_json() == {"jsonrpc": "2.0", "id": 9, "result": {}}
        await wire.make_blocks()
        await socket.send_json({"jsonrpc": "2.0", "id": 10, "method": "health"})
        assert (await socket.receive_json())["id"] == 10


async def test_subscriptions_are_bounded(open_wire: OpenWire) -> None:
    async with (
        open_wire(World.of_service()) as wire,
        wire.http.ws_connect(f"http://{wire.served.rpc}/websocket") as socket,
    ):
        for height in range(1, 6):
            assert "result" in await subscribe(socket, f"tm.event='Tx' AND tx.height={height}", height)
        excess = await subscribe(socket, "tm.event='NewBlock'", 6)
        assert excess["error"]["data"] == "max_subscriptions_per_client 5 reached"


async def test_a_slow_subscriber_is_dropped(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        session = aiohttp.ClientSession(read_bufsize=1024)
        async with session, session.ws_connect(f"http://{wire.served.rpc}/websocket") as slow:
            assert "result" in await subscribe(slow, "tm.event='NewBlock'")
            # Nobody reads: what the sockets hold fills up, then the queue, and then it is dropped.
            raws = [
                await wire.sign([Send(KEY.address, PAYEE, Upokt(1))], KEY, sequence=number, memo="x" * 200)
                for number in range(100)
            ]
            for raw in raws:
                await wire.broadcast(raw)
            for _ in range(60):
                await wire.make_blocks(100)
                raw = await wire.sign([Send(KEY.address, PAYEE, Upokt(1))], KEY, memo="x" * 200)
                await wire.broadcast(raw)
            last: Any = None
            async for message in slow:
                last = json.loads(message.data)
                if "error" in last:
                    break
            assert last["error"]["code"] == -32000
            assert "not pulling messages fast enough" in last["error"]["data"]
        assert (await wire.get("health")) == {}


async def test_blocks_by_hand(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        assert await wire.make_blocks(3) == 4
        assert (await get_error(wire, "joey_make_blocks?count=0"))["code"] == -32602
        head = await wire.served.chain.head()
        made = await wire.get("joey_make_blocks")
        assert int(made["height"]) == head.height + 1
        assert HASH.fullmatch(made["hash"])
