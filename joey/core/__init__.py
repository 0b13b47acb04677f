"""What is true without a network: pure and deterministic."""
