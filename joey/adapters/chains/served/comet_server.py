"""The CometBFT RPC endpoint: calls by GET and POST, subscriptions by web socket.

What comes in is bounded: the size of a body and of a message, how many calls are in a batch, how many
connections subscribe, and to how much. Source: CometBFT v0.38 rpc/jsonrpc/server, config/config.go.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
from aiohttp import WSCloseCode, WSMsgType, web

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served.calls import Calls
from joey.adapters.chains.served.comet_arguments import Arguments, BadArguments
from joey.adapters.chains.served.comet_calls import CometCalls
from joey.adapters.chains.served.comet_rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    SERVER_ERROR,
    RpcError,
    answer_call,
    parse_json,
    read_request,
    write_answer,
    write_error,
)
from joey.adapters.chains.served.comet_subscriptions import Subscriber, Subscriptions, parse_query
from joey.core.errors import ConfigError

__all__ = ["open_comet_server"]

_BODY_BYTES_MAX = 1_000_000
_HEADER_BYTES_MAX = 1 << 20
_BATCH_MAX = 10
_CLIENTS_MAX = 100
_SUBSCRIPTIONS_MAX = 5
_WRITE_TIMEOUT_S = 10.0
_PING_INTERVAL_S = 27.0
_STOP_TIMEOUT_S = 2.0


@asynccontextmanager
async def open_comet_server(
    chain: LocalChain, calls: Calls, address: tuple[str, int], *, by_hand: bool
) -> AsyncIterator[int]:
    """Serve at host and port and yield the port. Raises `ConfigError` when it cannot be listened at."""
    host, port = address
    async with anyio.create_task_group() as tasks:
        comet_calls = CometCalls(chain, calls, by_hand=by_hand)
        server = _CometServer(comet_calls, Subscriptions(chain))
        await tasks.start(server.subscriptions.run)
        runner = web.AppRunner(
            server.make_application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_STOP_TIMEOUT_S,
            max_line_size=_HEADER_BYTES_MAX,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                text = f"cannot listen for CometBFT RPC at {host} port {port}: {error.strerror or error}"
                raise ConfigError(text) from None
            bound = runner.addresses[0][1]
            comet_calls.rpc_address = f"tcp://{host}:{bound}"
            yield bound
        finally:
            with anyio.CancelScope(shield=True):
                await server.close()
                await runner.cleanup()
            tasks.cancel_scope.cancel()


class _CometServer:
    def __init__(self, calls: CometCalls, subscriptions: Subscriptions) -> None:
        self._methods = calls.methods
        self.subscriptions = subscriptions
        self._sockets: set[web.WebSocketResponse] = set()

    def make_application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=_BODY_BYTES_MAX)
        application.router.add_get("/websocket", self._serve_socket)
        application.router.add_get("/", self._list_methods)
        application.router.add_get("/{method}", self._answer_url)
        application.router.add_post("/", self._answer_body)
        return application

    async def close(self) -> None:
        """Say goodbye to who subscribes."""
        async with anyio.create_task_group() as tasks:
            for socket in list(self._sockets):
                tasks.start_soon(_say_goodbye, socket)

    # --- calls ---

    async def _list_methods(self, _request: web.Request) -> web.Response:
        """Return what can be asked, for a person."""
        lines = [
            f"/{name}?{'&'.join(f'{one}=_' for one in method.names)}"
            for name, method in self._methods.items()
        ]
        return web.Response(text="\n".join(line.removesuffix("?") for line in lines) + "\n")

    async def _answer_url(self, request: web.Request) -> web.Response:
        method = self._methods.get(request.match_info["method"])
        if method is None:
            raise web.HTTPNotFound(text="404 page not found\n")
        try:
            result = await answer_call(method, Arguments(request.query, is_url=True))
        except RpcError as error:
            return web.json_response(write_error(-1, error), status=500)
        return web.json_response(write_answer(-1, result))

    async def _answer_body(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            error = RpcError(
                INVALID_REQUEST, f"error reading request body: more than {_BODY_BYTES_MAX} bytes"
            )
            return web.json_response(write_error(None, error), status=400)
        if not body:
            return await self._list_methods(request)
        try:
            value = parse_json(body)
        except RpcError as error:
            return web.json_response(write_error(None, error), status=500)
        if not isinstance(value, list):
            answer = await self._answer_one(value)
            return web.Response() if answer is None else web.json_response(answer)
        if len(value) > _BATCH_MAX:
            excess = RpcError(INVALID_REQUEST, f"batch request of {len(value)} calls exceeds {_BATCH_MAX}")
            return web.json_response(write_error(None, excess), status=500)
        answers = [answer for one in value if (answer := await self._answer_one(one)) is not None]
        return web.json_response(answers) if answers else web.Response()

    async def _answer_one(self, value: object) -> dict[str, Any] | None:
        """Return the answer to one request; `None` for a notification, which is not carried out."""
        try:
            identifier, name, params = read_request(value)
        except RpcError as error:
            return write_error(value.get("id") if isinstance(value, dict) else None, error)
        if identifier is None:
            return None
        try:
            return write_answer(identifier, await self._call(name, params))
        except RpcError as error:
            return write_error(identifier, error)

    async def _call(self, name: str, params: object) -> Any:
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "")
        try:
            arguments = Arguments.from_params(params, method.names)
        except BadArguments as error:
            raise RpcError(INVALID_PARAMS, str(error)) from None
        return await answer_call(method, arguments)

    # --- subscriptions ---

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        """Answer calls on a web socket, and publish what it subscribes to."""
        if len(self.subscriptions) >= _CLIENTS_MAX:
            raise web.HTTPServiceUnavailable(text=f"max_subscription_clients {_CLIENTS_MAX} reached\n")
        socket = web.WebSocketResponse(
            timeout=_STOP_TIMEOUT_S, max_msg_size=_BODY_BYTES_MAX, heartbeat=_PING_INTERVAL_S
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        subscriber = self.subscriptions.join()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write_publications, socket, subscriber, tasks.cancel_scope)
                await self._answer_messages(socket, subscriber)
                tasks.cancel_scope.cancel()
        finally:
            self.subscriptions.leave(subscriber)
            self._sockets.discard(socket)
        return socket

    async def _answer_messages(self, socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
        """Answer what comes in until the client leaves, or takes in no answers."""
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    answer = await self._answer_message(message.data, subscriber)
                    if answer is not None:
                        await self._send(socket, answer)
        except (TimeoutError, ConnectionError):
            pass

    async def _write_publications(
        self, socket: web.WebSocketResponse, subscriber: Subscriber, scope: anyio.CancelScope
    ) -> None:
        """Send what was published, until the subscriber is dropped for being slow."""
        try:
            async for message in subscriber.receive:
                await self._send(socket, message)
            error = RpcError(
                SERVER_ERROR, "subscription was canceled (reason: client is not pulling messages fast enough)"
            )
            await self._send(socket, write_error(None, error))
        except (TimeoutError, ConnectionError):
            pass
        scope.cancel()

    async def _send(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        with anyio.fail_after(_WRITE_TIMEOUT_S):
            await socket.send_str(json.dumps(message, separators=(",", ":")))

    async def _answer_message(self, text: str, subscriber: Subscriber) -> dict[str, Any] | None:
        try:
            value = parse_json(text)
            identifier, name, params = read_request(value)
        except RpcError as error:
            return write_error(None, error)
        if name not in ("subscribe", "unsubscribe", "unsubscribe_all"):
            return await self._answer_one(value)
        try:
            self._change_subscription(name, params, identifier, subscriber)
        except BadArguments as error:
            return write_error(identifier, RpcError(INVALID_PARAMS, str(error)))
        except RpcError as error:
            return write_error(identifier, error)
        return write_answer(identifier, {})

    def _change_subscription(
        self, name: str, params: object, identifier: object, subscriber: Subscriber
    ) -> None:
        if name == "unsubscribe_all":
            subscriber.subscriptions.clear()
            return
        query = Arguments.from_params(params, ("query",)).text("query")
        if name == "unsubscribe":
            if subscriber.subscriptions.pop(query, None) is None:
                raise RpcError(INTERNAL_ERROR, "subscription not found")
            return
        if query in subscriber.subscriptions:
            raise RpcError(INTERNAL_ERROR, "already subscribed")
        if len(subscriber.subscriptions) >= _SUBSCRIPTIONS_MAX:
            raise RpcError(INTERNAL_ERROR, f"max_subscriptions_per_client {_SUBSCRIPTIONS_MAX} reached")
        try:
            conditions = parse_query(query)
        except ValueError as error:
            raise RpcError(INTERNAL_ERROR, str(error)) from None
        subscriber.subscriptions[query] = (conditions, identifier)


async def _say_goodbye(socket: web.WebSocketResponse) -> None:
    await socket.close(code=WSCloseCode.GOING_AWAY)
