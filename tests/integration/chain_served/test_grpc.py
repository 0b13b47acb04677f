"""The gRPC endpoint, asked by somebody who knows paths and field numbers and nothing of our code."""

from __future__ import annotations

import asyncio
import struct
from fractions import Fraction
from typing import Any

import anyio
import grpc.aio
import pytest

from joey.adapters.chains.served import serve_chain
from joey.core.errors import ConfigError
from joey.core.protocol.params import MINIMAL
from joey.core.units import Upokt
from joey.core.wire.messages import Send
from joey.testing.raw_protobuf import read_fields, write_fields
from joey.testing.served import open_served_chain
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

OpenWire = Any
APPLICATION = make_key("application").address
SUPPLIER = make_key("supplier 1").address


async def test_parameters_of_every_module(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        for module in (
            "application",
            "gateway",
            "proof",
            "service",
            "session",
            "shared",
            "supplier",
            "tokenomics",
        ):
            answer = await wire.ask(f"/pocket.{module}.Query/Params")
            assert list(answer) == [1], module
        session = read_fields((await wire.ask("/pocket.session.Query/Params"))[1][0])
        assert session == {3: [MINIMAL.session.num_suppliers_per_session]}
        tokenomics = read_fields((await wire.ask("/pocket.tokenomics.Query/Params"))[1][0])
        shares = read_fields(tokenomics[8][0])
        assert struct.unpack("<d", shares[3][0]) == (0.79,)
        shared = read_fields((await wire.ask("/pocket.shared.Query/Params"))[1][0])
        assert shared[9] == [MINIMAL.shared.compute_units_to_tokens_multiplier]
        at_height = await wire.ask("/pocket.shared.Query/ParamsAtHeight", write_fields((1, 1)))
        assert read_fields(at_height[1][0])[1] == [MINIMAL.shared.num_blocks_per_session]


async def test_an_application_and_who_is_none(open_staked: OpenWire) -> None:
    async with open_staked() as wire:
        answer = await wire.ask("/pocket.application.Query/Application", write_fields((1, APPLICATION)))
        application = read_fields(answer[1][0])
        assert application[1] == [APPLICATION.encode()]
        assert read_fields(application[2][0]) == {1: [b"upokt"], 2: [b"10000000000"]}
        assert application[4] == [make_key("gateway").address.encode()]
        status, text = await wire.refused(
            "/pocket.application.Query/Application", write_fields((1, SUPPLIER))
        )
        assert (status, SUPPLIER in text) == ("NOT_FOUND", True)
        mine = await wire.ask(
            "/pocket.application.Query/AllApplications", write_fields((2, make_key("gateway").address))
        )
        assert len(mine[1]) == 1
        assert 1 not in await wire.ask(
            "/pocket.application.Query/AllApplications", write_fields((2, SUPPLIER))
        )
        for path in ("/pocket.gateway.Query/Gateway", "/pocket.supplier.Query/Supplier"):
            assert (await wire.refused(path, write_fields((1, APPLICATION))))[0] == "NOT_FOUND"


async def test_pages(open_staked: OpenWire) -> None:
    path = "/pocket.supplier.Query/AllSuppliers"
    async with open_staked(World.of_service(suppliers=3)) as wire:
        everyone = sorted(make_key(f"supplier {number}").address for number in (1, 2, 3))

        async def page(*pagination: tuple[int, Any]) -> tuple[list[str], dict[int, Any]]:
            answer = await wire.ask(path, write_fields((1, write_fields(*pagination))))
            addresses = [read_fields(one)[2][0].decode() for one in answer.get(1, [])]
            return addresses, read_fields(answer[2][0])

        assert await page() == (everyone, {2: [3]})
        first, after = await page((3, 2))
        assert (first, list(after)) == (everyone[:2], [1])
        assert await page((1, after[1][0]), (3, 2)) == (everyone[2:], {})
        assert await page((2, 1), (3, 1), (4, 1)) == (everyone[1:2], {1: [everyone[2].encode()], 2: [3]})
        backwards, after = await page((3, 2), (5, 1))
        assert backwards == everyone[:0:-1]
        assert await page((1, after[1][0]), (3, 2), (5, 1)) == (everyone[:1], {})
        assert await page((2, 7)) == ([], {2: [3]})
        both = write_fields((1, write_fields((1, b"x"), (2, 1))))
        assert (await wire.refused(path, both))[0] == "INVALID_ARGUMENT"

        by_owner = await wire.ask(path, write_fields((4, everyone[0])))
        assert len(by_owner[1]) == 1
        assert 1 not in await wire.ask(path, write_fields((2, "another")))


async def test_dehydrated_things_are_smaller(open_staked: OpenWire) -> None:
    async with open_staked() as wire:
        await wire.make_blocks(8)
        path = "/pocket.supplier.Query/Supplier"
        whole = read_fields((await wire.ask(path, write_fields((1, SUPPLIER))))[1][0])
        dry = read_fields((await wire.ask(path, write_fields((1, SUPPLIER), (2, 1))))[1][0])
        assert whole.keys() - dry.keys() == {6}
        assert whole[4] == dry[4]
        listed = await wire.ask("/pocket.supplier.Query/AllSuppliers", write_fields((2, "text"), (5, 1)))
        assert all(6 not in read_fields(one) for one in listed[1])


async def test_a_height_is_pinned_by_metadata(open_staked: OpenWire) -> None:
    path = "/pocket.application.Query/Application"
    request = write_fields((1, APPLICATION))
    async with open_staked() as wire:
        head = (await wire.served.chain.head()).height
        assert (await wire.refused(path, request, height=2))[0] == "NOT_FOUND"
        for asked, height in ((0, head), (2, 2)):
            pinned = (("x-cosmos-block-height", str(asked)),)
            call = wire.channel.unary_unary(path)(write_fields((1, SUPPLIER)), metadata=pinned)
            assert dict(await call.initial_metadata())["x-cosmos-block-height"] == str(height)
            assert (await call.code()).name == "NOT_FOUND"
        assert await wire.ask(path, request, height=head) == await wire.ask(path, request)
        call = wire.channel.unary_unary(path)(request, metadata=(("x-cosmos-block-height", str(head - 1)),))
        metadata = dict(await call.initial_metadata())
        await call
        assert metadata["x-cosmos-block-height"] == str(head - 1)
        call = wire.channel.unary_unary(path)(request)
        assert dict(await call.initial_metadata())["x-cosmos-block-height"] == str(head)
        await call
        status, text = await wire.refused(path, request, height=head + 1)
        assert (status, "height in the future" in text) == ("UNKNOWN", True)
        assert (await wire.refused(path, request, height=-1))[0] == "INVALID_ARGUMENT"
        call = wire.channel.unary_unary(path)(request, metadata=(("x-cosmos-block-height", "ten"),))
        with pytest.raises(grpc.aio.AioRpcError, match="invalid height header"):
            await call


async def test_sessions(open_staked: OpenWire) -> None:
    path = "/pocket.session.Query/GetSession"
    async with open_staked() as wire:
        head = await wire.make_blocks(8)
        answer = await wire.ask(path, write_fields((1, APPLICATION), (2, "text")))
        session = read_fields(answer[1][0])
        header = read_fields(session[1][0])
        assert header[1] == [APPLICATION.encode()]
        assert header[5][0] - header[4][0] == MINIMAL.shared.num_blocks_per_session - 1
        assert header[4][0] <= head <= header[5][0]
        assert session[2] == header[3]
        assert len(session[6]) == 2
        start = header[4][0]
        again = await wire.ask(path, write_fields((1, APPLICATION), (2, "text"), (3, start)))
        assert again == answer
        await wire.make_blocks(60)
        long_ago = await wire.ask(path, write_fields((1, APPLICATION), (2, "text"), (3, start)))
        assert read_fields(long_ago[1][0])[2] == session[2]

        head = (await wire.served.chain.head()).height
        status, text = await wire.refused(path, write_fields((1, APPLICATION), (2, "text"), (3, head + 1)))
        assert status == "INTERNAL"
        assert text == (
            f"block height {head + 1} is ahead of the last committed block height {head}:"
            " error during session hydration"
        )
        assert (await wire.refused(path, write_fields((1, SUPPLIER), (2, "text"))))[0] == "INTERNAL"
        assert (await wire.refused(path, write_fields((1, APPLICATION), (2, "other"))))[0] == "INTERNAL"
        assert (await wire.refused(path, write_fields((1, "nobody"), (2, "text"))))[0] == "INVALID_ARGUMENT"
        assert (await wire.refused(path, write_fields((1, APPLICATION), (2, ""))))[0] == "INVALID_ARGUMENT"


async def test_a_public_key_is_absent_until_the_first_signature(open_wire: OpenWire) -> None:
    key = make_key("application")
    path, request = "/cosmos.auth.v1beta1.Query/Account", write_fields((1, key.address))
    async with open_wire(World.of_service()) as wire:
        packed = read_fields((await wire.ask(path, request))[1][0])
        assert packed[1] == [b"/cosmos.auth.v1beta1.BaseAccount"]
        account = read_fields(packed[2][0])
        assert account[1] == [key.address.encode()]
        assert 2 not in account
        await wire.submit([Send(key.address, SUPPLIER, Upokt(5))], key)
        account = read_fields(read_fields((await wire.ask(path, request))[1][0])[2][0])
        public_key = read_fields(account[2][0])
        assert public_key[1] == [b"/cosmos.crypto.secp256k1.PubKey"]
        assert read_fields(public_key[2][0]) == {1: [key.public_key]}
        assert account[4] == [1]
        stranger = make_key("stranger").address
        status, text = await wire.refused(path, write_fields((1, stranger)))
        assert (status, text) == ("NOT_FOUND", f"account {stranger} not found")
        assert (await wire.refused(path, b""))[0] == "INVALID_ARGUMENT"


async def test_balances_and_the_supply(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        path = "/cosmos.bank.v1beta1.Query/Balance"
        answer = await wire.ask(path, write_fields((1, APPLICATION), (2, "upokt")))
        assert read_fields(answer[1][0]) == {1: [b"upokt"], 2: [b"1000000000000"]}
        answer = await wire.ask(path, write_fields((1, APPLICATION), (2, "uatom")))
        assert read_fields(answer[1][0]) == {1: [b"uatom"], 2: [b"0"]}
        supply = await wire.ask("/cosmos.bank.v1beta1.Query/SupplyOf", write_fields((1, "upokt")))
        assert read_fields(supply[1][0])[2] == [str(5 * 10**12 + 4 * 10**6).encode()]
        assert (await wire.refused(path, write_fields((1, "x"), (2, "upokt"))))[0] == "INVALID_ARGUMENT"


async def test_difficulty_and_price_of_a_service(open_staked: OpenWire) -> None:
    async with open_staked() as wire:
        prefix, request = "/pocket.service.Query/", write_fields((1, "text"))
        difficulty = read_fields((await wire.ask(f"{prefix}RelayMiningDifficulty", request))[1][0])
        assert difficulty[1] == [b"text"]
        assert difficulty[4] == [b"\xff" * 32]
        at = await wire.ask(f"{prefix}RelayMiningDifficultyAtHeight", write_fields((1, "text"), (2, 3)))
        assert read_fields(at[1][0])[4] == [b"\xff" * 32]
        assert 1 not in await wire.ask(f"{prefix}RelayMiningDifficultyHistory", request)
        units = await wire.ask(f"{prefix}ComputeUnitsPerRelayAtHeight", write_fields((1, "text"), (2, 9)))
        assert units == {1: [3000]}
        history = await wire.ask(f"{prefix}ComputeUnitsPerRelayHistory", request)
        assert read_fields(history[1][0])[3] == [3000]
        for name in ("RelayMiningDifficulty", "RelayMiningDifficultyAtHeight", "ComputeUnitsPerRelayHistory"):
            assert (await wire.refused(prefix + name, write_fields((1, "none"))))[0] == "NOT_FOUND"
        status, _ = await wire.refused(
            f"{prefix}RelayMiningDifficultyAtHeight", write_fields((1, "text"), (2, -1))
        )
        assert status == "INVALID_ARGUMENT"
        services = await wire.ask(f"{prefix}AllServices", write_fields((2, 1)))
        assert read_fields(services[1][0])[1] == [b"text"]


async def test_a_transaction_is_taken_in_once_and_found(open_wire: OpenWire) -> None:
    key = make_key("application")
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(key.address, SUPPLIER, Upokt(5))], key, memo="hello")
        taken = await wire.broadcast(raw)
        assert taken.keys() == {2}
        again = await wire.broadcast(raw)
        assert (again[3], again[4]) == ([b"sdk"], [19])
        request = write_fields((1, taken[2][0]))
        assert (await wire.refused("/cosmos.tx.v1beta1.Service/GetTx", request))[0] == "NOT_FOUND"
        height = await wire.make_blocks()
        found = await wire.ask("/cosmos.tx.v1beta1.Service/GetTx", request)
        response = read_fields(found[2][0])
        assert response[1] == [height]
        assert response[2] == taken[2]
        assert 4 not in response
        assert response[10][0] > 0
        assert response[12] == [b"2026-01-05T00:00:01Z"]
        assert read_fields(response[11][0])[1] == [b"/cosmos.tx.v1beta1.Tx"]
        assert read_fields(read_fields(raw)[1][0])[2] == [b"hello"]
        assert read_fields(found[1][0])[1] == read_fields(raw)[1]
        lower = write_fields((1, taken[2][0].lower()))
        assert await wire.ask("/cosmos.tx.v1beta1.Service/GetTx", lower) == found


async def test_refusals_name_codespace_and_code(open_wire: OpenWire) -> None:
    key = make_key("application")
    send = Send(key.address, SUPPLIER, Upokt(5))
    async with open_wire(World.of_service(), gas_price_min=Fraction(1, 1000)) as wire:

        async def refusal(**options: Any) -> tuple[bytes, int]:
            response = await wire.broadcast(await wire.sign([send], key, **options))
            return response[3][0], response[4][0]

        paid = {"fee": Upokt(1000), "gas_limit": 1_000_000}
        assert await refusal(gas_limit=1_000_000) == (b"sdk", 13)
        assert await refusal(sequence=7, **paid) == (b"sdk", 32)
        assert await refusal(chain_id="another", **paid) == (b"sdk", 4)
        garbage = await wire.broadcast(b"\x0a\x02\xff\xff")
        assert (garbage[3], garbage[4]) == ([b"sdk"], [2])
        asynchronous = await wire.broadcast(await wire.sign([send], key, **paid), mode=3)
        assert asynchronous.keys() == {2}
        with pytest.raises(grpc.aio.AioRpcError, match="BROADCAST_MODE_BLOCK"):
            await wire.broadcast(await wire.sign([send], key, **paid), mode=1)


async def test_a_message_that_fails_is_in_the_block_with_its_code(open_wire: OpenWire) -> None:
    key = make_key("application")
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(key.address, SUPPLIER, Upokt(10**18))], key)
        taken = await wire.broadcast(raw)
        assert 4 not in taken
        await wire.make_blocks()
        found = await wire.ask("/cosmos.tx.v1beta1.Service/GetTx", write_fields((1, taken[2][0])))
        response = read_fields(found[2][0])
        assert (response[3], response[4]) == ([b"sdk"], [5])
        assert response[6][0].startswith(b"failed to execute message; message index: 0: ")


async def test_simulation(open_wire: OpenWire) -> None:
    key = make_key("application")
    path = "/cosmos.tx.v1beta1.Service/Simulate"
    async with open_wire(World.of_service()) as wire:
        raw = await wire.sign([Send(key.address, SUPPLIER, Upokt(5))], key)
        answer = await wire.ask(path, write_fields((2, raw)))
        assert read_fields(answer[1][0])[2][0] > 0
        outer = read_fields(raw)
        unsigned = write_fields((1, outer[1][0]), (2, outer[2][0]), (3, b""))
        assert read_fields((await wire.ask(path, write_fields((2, unsigned))))[1][0])[2][0] > 0
        as_message = await wire.ask(path, write_fields((1, raw)))
        assert read_fields(as_message[1][0])[2][0] > 0
        too_much = await wire.sign([Send(key.address, SUPPLIER, Upokt(10**18))], key)
        status, text = await wire.refused(path, write_fields((2, too_much)))
        assert status == "UNKNOWN"
        assert "failed to execute message; message index: 0" in text
        assert "with gas used: '" in text
        assert (await wire.refused(path))[0] == "INVALID_ARGUMENT"


async def test_the_node_and_its_blocks(open_staked: OpenWire) -> None:
    async with open_staked() as wire:
        prefix = "/cosmos.base.tendermint.v1beta1.Service/"
        node = read_fields((await wire.ask(f"{prefix}GetNodeInfo"))[1][0])
        assert node[4] == [b"joey-test"]
        assert await wire.ask(f"{prefix}GetSyncing") == {}
        head = await wire.served.chain.head()
        latest = await wire.ask(f"{prefix}GetLatestBlock")
        assert read_fields(latest[1][0])[1] == [head.hash]
        header = read_fields(read_fields(latest[2][0])[1][0])
        assert header[3] == [head.height]
        before = await wire.ask(f"{prefix}GetBlockByHeight", write_fields((1, head.height - 1)))
        assert read_fields(before[1][0])[1] == read_fields(header[5][0])[1]
        status, _ = await wire.refused(f"{prefix}GetBlockByHeight", write_fields((1, head.height + 1)))
        assert status == "INVALID_ARGUMENT"


async def test_garbage_and_unknown_calls(open_wire: OpenWire) -> None:
    async with open_wire(World.of_service()) as wire:
        status, text = await wire.refused("/pocket.session.Query/GetSession", b"\xff\xff")
        assert (status, "error unmarshalling request" in text) == ("INTERNAL", True)
        assert (await wire.refused("/pocket.session.Query/Other"))[0] == "UNIMPLEMENTED"
        many = [wire.ask("/pocket.shared.Query/Params") for _ in range(200)]
        assert len({str(one) for one in await asyncio.gather(*many)}) == 1


async def test_a_taken_port_is_one_line() -> None:
    genesis = make_genesis(["payer"])
    async with open_served_chain(genesis) as one:
        for option, address in (("grpc_address", one.grpc), ("rpc_address", one.rpc)):
            with pytest.raises(ExceptionGroup) as caught:
                await serve_at(one, option, address)
            error: BaseException = caught.value
            while isinstance(error, BaseExceptionGroup):
                [error] = error.exceptions
            assert isinstance(error, ConfigError)
            assert "\n" not in error.message


async def serve_at(one: Any, option: str, address: str) -> None:
    addresses = {"grpc_address": "127.0.0.1:0", "rpc_address": "127.0.0.1:0", option: address}
    async with anyio.create_task_group():
        await serve_chain(one.chain, **addresses)
