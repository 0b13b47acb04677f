"""The ports, fulfilled: chains, engines, stores, keyrings, rates, clock and entropy."""
