"""The echo engine keeps the contract of engines."""

from __future__ import annotations

from joey.adapters.engines.echo import EchoEngine
from joey.ports.engine import Engine
from joey.testing.engine_contract import EngineContract


class TestEchoEngine(EngineContract):
    def make_engine(self) -> Engine:
        return EchoEngine(word_delay_s=0.001)
