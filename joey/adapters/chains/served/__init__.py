"""The embedded chain served on the network's own gRPC and CometBFT endpoints.

Whoever can talk to a full node of Pocket Network can talk to this: a wallet, another gateway, the
network's own miner. Needs the extra `shannon`.
"""

from __future__ import annotations

from joey.adapters.chains.served.serving import ServedAddresses, serve_chain

__all__ = ["ServedAddresses", "serve_chain"]
