"""Who quotes POKT in dollars."""
