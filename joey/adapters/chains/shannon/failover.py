"""Several nodes as one: the call goes to the one that worked last, then to the others.

A node that fails rests for a while, longer each time; a node that is merely behind is passed over,
and asked again shortly. A node proves that it belongs to the network before its first answer counts,
and again after each failure: another machine may stand there by then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio

from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.units import Height

__all__ = ["FailoverPool", "NodeBehind", "NodeFailed", "NodePruned", "RequestRefused"]

NodeType = TypeVar("NodeType")
AnswerType = TypeVar("AnswerType")

_UNTOLD = Height(0)
_REST_FIRST_S = 0.25
_REST_MAX_S = 30.0
_ROUND_PAUSE_FIRST_S = 0.02
_ROUND_PAUSE_MAX_S = 0.5


class NodeFailed(Exception):
    """A node did not answer, or not with an answer. `str()` says why, without secrets."""


class NodeBehind(NodeFailed):
    """A node has not yet the block that the answer must be from."""


class NodePruned(NodeFailed):
    """A node no longer keeps what was asked for."""


class RequestRefused(Exception):
    """A node answered that it will not: `status` is the name of the gRPC status or the RPC's code.

    `height` is the one that the answer is from, 0 where the node did not say.
    """

    def __init__(self, status: str, details: str, height: Height = _UNTOLD) -> None:
        super().__init__(f"{status}: {details}")
        self.status = status
        self.details = details
        self.height = height


class _Member(Generic[NodeType]):
    """A node of the pool and how it has been doing. Instants are the event loop's."""

    def __init__(self, name: str, node: NodeType) -> None:
        self.name = name
        self.node = node
        self.is_proven = False
        self._failures = 0
        self._rests_until = 0.0

    @property
    def rest_until(self) -> float:
        """When it may be preferred again."""
        return self._rests_until

    def note_success(self) -> None:
        self._failures = 0
        self._rests_until = 0.0

    def note_failure(self, failure: NodeFailed) -> None:
        if isinstance(failure, NodePruned):
            return
        rest_s = _REST_FIRST_S
        if not isinstance(failure, NodeBehind):
            self.is_proven = False
            rest_s = min(_REST_FIRST_S * 2**self._failures, _REST_MAX_S)
            self._failures += self._failures < 16
        self._rests_until = anyio.current_time() + rest_s


class FailoverPool(Generic[NodeType]):
    """Nodes of one kind, `named` in order of preference.

    `prove` asks a node which network it belongs to; it raises `NodeFailed` when the node cannot be used,
    and `ConfigError` when it never was to be.
    """

    def __init__(
        self,
        named: Sequence[tuple[str, NodeType]],
        *,
        prove: Callable[[str, NodeType], Awaitable[None]],
        patience_s: float,
    ) -> None:
        self._members = [_Member(name, node) for name, node in named]
        self._prove = prove
        self._patience_s = patience_s
        self._preferred = self._members[0]

    @property
    def nodes(self) -> tuple[NodeType, ...]:
        """All nodes, the one that worked last first."""
        return tuple(member.node for member in self._order())

    async def call(self, attempt: Callable[[NodeType], Awaitable[AnswerType]]) -> AnswerType:
        """Return the first answer that a node gives.

        `attempt` raises `NodeFailed` for whatever another node might answer. While nodes are only
        behind, all are asked again until the patience ends. Raises `ChainUnavailable`, which names each
        node and why; field `pruned` is set when nodes answer but keep too little.
        """
        deadline = anyio.current_time() + self._patience_s
        pause_s = _ROUND_PAUSE_FIRST_S
        while True:
            failures: dict[str, NodeFailed] = {}
            for member in self._order():
                try:
                    answer = await self._ask(member, attempt)
                except NodeFailed as failure:
                    failures[member.name] = failure
                    continue
                self._preferred = member
                return answer
            is_behind = any(isinstance(failure, NodeBehind) for failure in failures.values())
            if not is_behind or anyio.current_time() + pause_s >= deadline:
                raise _make_unavailable(failures)
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 2, _ROUND_PAUSE_MAX_S)

    async def call_all(self, attempt: Callable[[NodeType], Awaitable[AnswerType]]) -> list[AnswerType]:
        """Return what all nodes answer, side by side; those that fail are left out.

        Raises `ChainUnavailable` when none answers, and `ConfigError` where `prove` does.
        """
        answers: dict[str, AnswerType] = {}
        failures: dict[str, NodeFailed] = {}
        strangers: list[ConfigError] = []

        async def ask(member: _Member[NodeType]) -> None:
            try:
                answers[member.name] = await self._ask(member, attempt)
            except NodeFailed as failure:
                failures[member.name] = failure
            except ConfigError as error:
                strangers.append(error)

        async with anyio.create_task_group() as tasks:
            for member in self._members:
                tasks.start_soon(ask, member)
        if strangers:
            raise strangers[0]
        if not answers:
            raise _make_unavailable(failures)
        return [answers[member.name] for member in self._members if member.name in answers]

    def _order(self) -> list[_Member[NodeType]]:
        now = anyio.current_time()
        return sorted(self._members, key=lambda one: (one.rest_until > now, one is not self._preferred))

    async def _ask(
        self, member: _Member[NodeType], attempt: Callable[[NodeType], Awaitable[AnswerType]]
    ) -> AnswerType:
        try:
            if not member.is_proven:
                await self._prove(member.name, member.node)
                member.is_proven = True
            answer = await attempt(member.node)
        except NodeFailed as failure:
            member.note_failure(failure)
            raise
        member.note_success()
        return answer


def _make_unavailable(failures: dict[str, NodeFailed]) -> ChainUnavailable:
    reasons = "; ".join(f"{name}: {failure}" for name, failure in failures.items())
    is_pruned = any(isinstance(failure, NodePruned) for failure in failures.values())
    return ChainUnavailable(
        f"no full node answers: {reasons}",
        nodes={name: str(failure) for name, failure in failures.items()},
        pruned=is_pruned,
    )
