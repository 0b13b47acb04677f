"""A verified stream to the client as it arrives: the end mark waits for the proof."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from joey.core.errors import ClientError, JoeyError, Rejection, SupplierError
from joey.core.openai.events import EndMarkGate
from joey.core.openai.failures import encode_failure_event
from joey.relaying.client import RelayStream

__all__ = ["relay_events"]

Ended = Callable[[JoeyError | None, bool], None]


async def relay_events(stream: RelayStream, ended: Ended) -> AsyncGenerator[bytes, None]:
    """Yield the events of an answer, each once its end is here, none held otherwise.

    `data: [DONE]`, and all that follows it, is held back until the stream's last, signed object is
    verified: a client that sees it has a proven answer. Where the stream breaks off or fails its
    proof, one event with an OpenAI error ends it instead. `ended(fault, complete)` is called once,
    also when the client leaves (`None`, `False`).
    """
    gate = EndMarkGate()
    fault: JoeyError | None = None
    complete = False
    try:
        async with aclosing(stream.chunks()) as chunks:
            async for data in chunks:
                if passed := gate.feed(data):
                    yield passed
        complete = True
        yield gate.held
    except (SupplierError, Rejection, ClientError) as error:
        fault = error
        yield encode_failure_event(error)
    finally:
        ended(fault, complete)
        await stream.aclose()
