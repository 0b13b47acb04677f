"""Keys, addresses, signatures and ring signatures on secp256k1."""
