"""What is sold, within which limits, at what price."""
