"""What the roles ask of the world, as protocols over core types."""
