"""Model servers behind a node."""
