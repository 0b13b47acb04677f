"""The portal: an OpenAI-compatible API over relays."""
