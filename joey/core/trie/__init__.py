"""The session trie and its proofs."""
