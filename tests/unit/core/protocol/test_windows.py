"""Windows have the heights of the network's own example, and the minimal ones fit together."""

from __future__ import annotations

from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.windows import (
    compute_claim_window,
    compute_grace_end,
    compute_proof_window,
    compute_settlement_height,
)
from joey.core.units import Height


def test_the_example_of_main_net():
    end, shared = Height(1040), MAINNET.shared
    assert compute_grace_end(end, shared) == 1050
    assert compute_claim_window(end, shared) == (1052, 1062)
    assert compute_proof_window(end, shared) == (1063, 1073)
    assert compute_settlement_height(end, shared) == 1073


def test_the_example_of_a_minimal_chain():
    end, shared = Height(4), MINIMAL.shared
    assert compute_grace_end(end, shared) == 12
    assert compute_claim_window(end, shared) == (14, 16)
    assert compute_proof_window(end, shared) == (16, 17)
    assert compute_settlement_height(end, shared) == 17


def test_windows_include_both_ends():
    window = compute_claim_window(Height(1040), MAINNET.shared)
    assert [height for height in range(1040, 1080) if height in window] == list(range(1052, 1063))
    assert "1052" not in window
