"""Chains: the embedded one in `local`, the same one served in `served`, and Pocket Network in `shannon`.

gRPC reads its environment when it is imported, and only modules of this package import it, so what it
should know is said here. Its fork handlers try to carry connections over a fork; no child of ours uses
any of them, and every start of one would be told to the terminal. Its log is for errors. Who sets the
variables means it so, and is not overruled.
Source: grpc doc/fork_support.md, doc/environment_variables.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
