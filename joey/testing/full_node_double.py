"""A network of one script and any number of full nodes, each with its own faults.

Blocks are made by hand. The nodes speak gRPC and CometBFT RPC over loopback as real ones do, as far as
sending transactions and following blocks goes; everything else is the business of the embedded chain's
server. What a node has in its mempool stays there until a block holds it or the node restarts: nodes
tell one another nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NoReturn, cast

import anyio
import grpc
from aiohttp import web
from google.protobuf.message import Message
from grpc import aio

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.network_events import NetworkEvent
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.params_codec import shared_params_to_proto
from joey.core.units import Height
from joey.core.wire.gogo import marshal
from joey.core.wire.network_methods import HEIGHT_METADATA_KEY, NETWORK_METHODS, NetworkMethod
from joey.core.wire.proto import (
    abci_pb2,
    auth_query_pb2,
    bank_query_pb2,
    coin_pb2,
    comet_query_pb2,
    proof_query_pb2,
    shared_query_pb2,
    tx_query_pb2,
)
from joey.core.wire.transactions import Transaction, compute_transaction_hash, decode_transaction
from joey.ports.chain import Block

__all__ = ["BroadcastFault", "ScriptedNetwork", "ScriptedNode", "Verdict", "serve_node"]

GAS_USED: Final = 100_000
SUPPLY: Final = 1_000_000_000
_START: Final = datetime(2026, 1, 5, tzinfo=UTC)


class BroadcastFault(Enum):
    """What a node does to the next transaction that it is sent."""

    DROP_AFTER = "takes it, and breaks the connection"
    DROP_BEFORE = "breaks the connection, and has not taken it"
    LATE = "takes it, and does not answer"
    LIE = "says that it knows it, and has not taken it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a transaction in a block, or of one that is sent.

    `uses_sequence` false: it fails its first checks in the block, which holds it all the same.
    """

    code: int = 0
    codespace: str = ""
    log: str = ""
    uses_sequence: bool = True


@dataclass(slots=True)
class _Account:
    number: int
    sequence: int = 0
    height_created: int = 0


@dataclass(frozen=True, slots=True)
class _MadeBlock:
    block: Block
    transactions: tuple[bytes, ...]
    verdicts: tuple[Verdict, ...]


class ScriptedNetwork:
    """Blocks and accounts. `keys` own accounts numbered from 0. `events` are of the ends of blocks."""

    def __init__(self, *keys: PrivateKey, chain_id: str = "joey-test") -> None:
        self.chain_id = chain_id
        self.nodes: list[ScriptedNode] = []
        self.verdict = Verdict()
        self.accounts = {key.address: _Account(number) for number, key in enumerate(keys)}
        self.events: dict[int, Sequence[NetworkEvent]] = {}
        self._sequences: list[dict[str, int]] = []
        self._blocks: list[_MadeBlock] = []
        self._changed = anyio.Event()
        self.make_block()

    @property
    def height(self) -> Height:
        """The newest block's."""
        return Height(len(self._blocks))

    def block(self, height: int) -> _MadeBlock:
        """Return a block that exists."""
        return self._blocks[height - 1]

    def sequence_at(self, address: str, height: int) -> int:
        """Return an account's sequence after a block."""
        return self._sequences[height - 1][address]

    @property
    def included(self) -> tuple[bytes, ...]:
        """Every transaction that is in a block, in order."""
        return tuple(raw for made in self._blocks for raw in made.transactions)

    @property
    def received(self) -> tuple[bytes, ...]:
        """Every transaction that any node was ever sent, each once."""
        return tuple(dict.fromkeys(raw for node in self.nodes for raw in node.received))

    def make_block(self, *foreign: bytes) -> Block:
        """Make a block of what the nodes have, and of others' transactions, which come first."""
        height = len(self._blocks) + 1
        time = _START + timedelta(seconds=30 * height)
        taken: list[bytes] = []
        for raw in (*foreign, *(raw for node in self.nodes for raw in node.mempool)):
            transaction = decode_transaction(raw)
            if raw not in taken and self._fits(transaction, height, time):
                taken.append(raw)
                if not transaction.unordered and self.verdict.uses_sequence:
                    self.accounts[transaction.required_signers[0]].sequence += 1
        block_hash = hashlib.sha256(f"block {height}".encode()).digest()
        block = Block(Height(height), block_hash, time)
        self._blocks.append(_MadeBlock(block, tuple(taken), tuple(self.verdict for _ in taken)))
        self._sequences.append({address: one.sequence for address, one in self.accounts.items()})
        for node in self.nodes:
            node.mempool = [raw for raw in node.mempool if raw not in taken]
        self.tell()
        return block

    def make_blocks(self, count: int) -> None:
        """Make several blocks."""
        for _ in range(count):
            self.make_block()

    def tell(self) -> None:
        """Wake who waits for something to change."""
        self._changed.set()
        self._changed = anyio.Event()

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return once something is so; asked again after every block and everything that a node is sent."""
        while not is_so():
            await self._changed.wait()

    def _fits(self, transaction: Transaction, height: int, time: datetime) -> bool:
        if transaction.timeout_height and height > transaction.timeout_height:
            return False
        if transaction.unordered:
            return transaction.timeout_time is not None and time <= transaction.timeout_time
        account = self.accounts[transaction.required_signers[0]]
        return transaction.signers[0].sequence == account.sequence


@dataclass(slots=True, eq=False)
class ScriptedNode:
    """One full node of a network.

    `lag`: by how many blocks it is behind; `is_down`: it answers nothing; `boast`: the height that it
    says it is at; `tells_height`: its gRPC answers, errors too, say of which height they are.
    `height_claims`: a simulation at a lower height ends as one of a claim before its window does.
    `pruned_below`: it has the blocks of lower heights, and no longer the states.
    """

    network: ScriptedNetwork
    chain_id: str = ""
    lag: int = 0
    is_down: bool = False
    boast: int = 0
    tells_height: bool = True
    height_claims: int = 0
    pruned_below: int = 0
    announces: bool = True
    faults: deque[BroadcastFault] = field(default_factory=deque)
    refusals: deque[Verdict] = field(default_factory=deque)
    mempool: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    grpc_url: str = ""
    rpc_url: str = ""
    sockets: int = 0
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.network.nodes.append(self)

    @property
    def height(self) -> Height:
        """The newest block that this node has."""
        return Height(max(1, self.network.height - self.lag))

    def restart(self) -> None:
        """Forget the mempool."""
        self.mempool.clear()
        self._known.clear()

    async def wait_for_change(self, height: Height) -> None:
        """Return once the node is down, or at another height."""
        await self.network.wait_until(lambda: self.is_down or self.height != height)

    async def broadcast(self, raw: bytes) -> Verdict:
        """Take a transaction in, or say why not, as the script has it."""
        self.received.append(raw)
        fault = self.faults.popleft() if self.faults else None
        verdict = Verdict(19, "sdk", "tx already exists in cache")
        if fault not in (BroadcastFault.DROP_BEFORE, BroadcastFault.LIE):
            verdict = self._take(raw)
        self.network.tell()
        if fault in (BroadcastFault.DROP_AFTER, BroadcastFault.DROP_BEFORE):
            raise ConnectionResetError
        if fault is BroadcastFault.LATE:
            await anyio.sleep_forever()
        return verdict

    def _take(self, raw: bytes) -> Verdict:
        if self.refusals:
            return self.refusals.popleft()
        transaction, name = decode_transaction(raw), compute_transaction_hash(raw)
        if name in self._known:
            return Verdict(19, "sdk", "tx already exists in cache")
        if transaction.timeout_height and self.height >= transaction.timeout_height:
            return Verdict(30, "sdk", "tx timeout height")
        head = self.network.block(self.height).block
        if transaction.timeout_time is not None and head.time > transaction.timeout_time:
            return Verdict(42, "sdk", "tx timeout")
        if not transaction.unordered:
            address = transaction.required_signers[0]
            waiting = sum(decode_transaction(one).required_signers[0] == address for one in self.mempool)
            due = self.network.sequence_at(address, self.height) + waiting
            sequence = transaction.signers[0].sequence
            if sequence != due:
                log = f"account sequence mismatch, expected {due}, got {sequence}: incorrect account sequence"
                return Verdict(32, "sdk", log)
        self._known.add(name)
        self.mempool.append(raw)
        return Verdict()


@asynccontextmanager
async def serve_node(
    node: ScriptedNode, *, certificate: tuple[Path, Path] | None = None
) -> AsyncIterator[ScriptedNode]:
    """Serve a node on loopback; it then knows its addresses.

    `certificate`: PEM files of a certificate for `localhost` and its key; the node is then served over
    TLS.
    """
    server = aio.server()
    server.add_generic_rpc_handlers((_Handlers(node),))
    base, tls = "http://127.0.0.1", None
    if certificate is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        base, tls = "https://localhost", ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
        chain, key = (path.read_bytes() for path in certificate)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    node.grpc_url = f"{base}:{port}"
    await server.start()
    application = web.Application()
    rpc = _Rpc(node)
    application.router.add_post("/", rpc.call)
    application.router.add_get("/websocket", rpc.subscribe)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    node.rpc_url = f"{base}:{runner.addresses[0][1]}"
    try:
        yield node
    finally:
        with anyio.CancelScope(shield=True):
            node.network.tell()
            await runner.cleanup()
            await server.stop(None)


class _Handlers(grpc.GenericRpcHandler):
    """The calls that a script knows; others do not exist."""

    def __init__(self, node: ScriptedNode) -> None:
        self._node = node
        self._answers: dict[str, Callable[[Message, int], Awaitable[Message]]] = {
            "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo": self._info,
            "/cosmos.auth.v1beta1.Query/Account": self._account,
            "/cosmos.bank.v1beta1.Query/SupplyOf": self._supply,
            "/pocket.proof.Query/Claim": self._claim,
            "/cosmos.tx.v1beta1.Service/Simulate": self._simulate,
            "/cosmos.tx.v1beta1.Service/BroadcastTx": self._broadcast,
            "/pocket.shared.Query/ParamsAtHeight": self._params,
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Message, Message] | None:
        """Find the handler of a call."""
        path = str(details.method)
        answer = self._answers.get(path)
        if answer is None:
            return None
        pinned = dict(details.invocation_metadata).get(HEIGHT_METADATA_KEY, "0")
        return _make_handler(self._node, NETWORK_METHODS[path], answer, int(str(pinned)))

    async def _info(self, _request: Message, _pinned: int) -> Message:
        network = self._node.chain_id or self._node.network.chain_id
        return comet_query_pb2.GetNodeInfoResponse(
            default_node_info=comet_query_pb2.NodeInfo(network=network)
        )

    async def _account(self, request: Message, pinned: int) -> Message:
        address = cast(auth_query_pb2.QueryAccountRequest, request).address
        account = self._node.network.accounts.get(address)
        if account is None or (pinned or self._node.height) < account.height_created:
            raise KeyError(address)
        base = auth_query_pb2.BaseAccount(
            address=address,
            account_number=account.number,
            sequence=self._node.network.sequence_at(address, pinned or self._node.height),
        )
        answer = auth_query_pb2.QueryAccountResponse()
        answer.account.type_url = "/cosmos.auth.v1beta1.BaseAccount"
        answer.account.value = marshal(base)
        return answer

    async def _supply(self, _request: Message, _pinned: int) -> Message:
        return bank_query_pb2.QuerySupplyOfResponse(amount=coin_pb2.Coin(denom="upokt", amount=str(SUPPLY)))

    async def _claim(self, request: Message, _pinned: int) -> Message:
        raise KeyError(cast(proof_query_pb2.QueryGetClaimRequest, request).session_id)

    async def _simulate(self, _request: Message, _pinned: int) -> Message:
        # As the network does: in the context of the last block, not of the next one.
        if self._node.height < self._node.height_claims:
            raise ValueError(
                "failed to execute message; message index: 0: rpc error: code = FailedPrecondition desc ="
                f" current block height ({self._node.height}) is less than the session's earliest claim"
                f" commit height ({self._node.height_claims}): claim attempted outside of the session's"
                " claim window"
            )
        return tx_query_pb2.SimulateResponse(gas_info=abci_pb2.GasInfo(gas_used=GAS_USED))

    async def _broadcast(self, request: Message, _pinned: int) -> Message:
        raw = cast(tx_query_pb2.BroadcastTxRequest, request).tx_bytes
        verdict = await self._node.broadcast(raw)
        return tx_query_pb2.BroadcastTxResponse(
            tx_response=abci_pb2.TxResponse(
                txhash=compute_transaction_hash(raw),
                code=verdict.code,
                codespace=verdict.codespace,
                raw_log=verdict.log,
            )
        )

    async def _params(self, _request: Message, _pinned: int) -> Message:
        return shared_query_pb2.QueryParamsAtHeightResponse(params=shared_params_to_proto(MINIMAL.shared))


def _make_handler(
    node: ScriptedNode,
    method: NetworkMethod,
    answer: Callable[[Message, int], Awaitable[Message]],
    pinned: int,
) -> grpc.RpcMethodHandler[Message, Message]:
    async def handle(request: Message, context: aio.ServicerContext[Message, Message]) -> Message:
        if node.is_down:
            await _abort(context, "the node is down")
        if pinned > node.height:
            await _abort(context, "cannot query with height in the future", grpc.StatusCode.INVALID_ARGUMENT)
        if 0 < pinned < node.pruned_below:
            text = f"failed to load state at height {pinned}; version does not exist"
            await _abort(context, text, grpc.StatusCode.INVALID_ARGUMENT)
        if node.tells_height:
            await context.send_initial_metadata(((HEIGHT_METADATA_KEY, str(pinned or node.height)),))
        try:
            return await answer(request, pinned)
        except KeyError as error:
            await _abort(context, f"{error} not found", grpc.StatusCode.NOT_FOUND)
        except ValueError as error:
            await _abort(context, str(error), grpc.StatusCode.UNKNOWN)
        except ConnectionResetError:
            await _abort(context, "connection reset by peer")

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=method.request_type.FromString,
        response_serializer=method.response_type.SerializeToString,
    )


async def _abort(
    context: aio.ServicerContext[Message, Message],
    text: str,
    status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
) -> NoReturn:
    await context.abort(status, text)


class _Rpc:
    def __init__(self, node: ScriptedNode) -> None:
        self._node = node

    async def call(self, request: web.Request) -> web.Response:
        if self._node.is_down:
            raise web.HTTPServiceUnavailable
        asked = json.loads(await request.text())
        height = int(asked["params"].get("height", "0"))
        if height > self._node.height:
            text = f"height {height} must be less than or equal to the current blockchain height"
            return web.json_response({"error": {"code": -32603, "message": "Internal error", "data": text}})
        answers = {"status": self._status, "block": self._block, "block_results": self._results}
        return web.json_response({"jsonrpc": "2.0", "id": 1, "result": answers[asked["method"]](height)})

    async def subscribe(self, request: web.Request) -> web.WebSocketResponse:
        if self._node.is_down or not self._node.announces:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_json()
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "result": {}})
        self._node.sockets += 1
        self._node.network.tell()
        told = self._node.height
        try:
            while not self._node.is_down and not socket.closed:
                await self._node.wait_for_change(told)
                if self._node.height > told:
                    data = {"type": "tendermint/event/NewBlockHeader"}
                    await socket.send_json({"jsonrpc": "2.0", "id": 1, "result": {"data": data}})
                told = self._node.height
        except ConnectionResetError:
            pass
        finally:
            self._node.sockets -= 1
        return socket

    def _status(self, _height: int) -> dict[str, object]:
        block = self._node.network.block(self._node.height).block
        return {
            "node_info": {"network": self._node.chain_id or self._node.network.chain_id},
            "sync_info": {
                "latest_block_height": str(self._node.boast or block.height),
                "latest_block_hash": block.hash.hex().upper(),
                "latest_block_time": _write_time(block.time),
            },
        }

    def _block(self, height: int) -> dict[str, object]:
        made = self._node.network.block(height)
        return {
            "block_id": {"hash": made.block.hash.hex().upper()},
            "block": {
                "header": {
                    "chain_id": self._node.chain_id or self._node.network.chain_id,
                    "height": str(height),
                    "time": _write_time(made.block.time),
                },
                "data": {"txs": [base64.b64encode(raw).decode() for raw in made.transactions] or None},
            },
        }

    def _results(self, height: int) -> dict[str, object]:
        verdicts = self._node.network.block(height).verdicts
        return {
            "height": str(height),
            "txs_results": [
                {"code": one.code, "codespace": one.codespace, "log": one.log, "gas_used": "7"}
                for one in verdicts
            ]
            or None,
            "finalize_block_events": [
                {
                    "type": event.type,
                    "attributes": [{"key": key, "value": value} for key, value in event.attributes],
                }
                for event in self._node.network.events.get(height, ())
            ]
            or None,
        }


def _write_time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond:06}789Z"
