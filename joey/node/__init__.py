"""The supplier's side: relay server, miner and claimer."""
