"""The bytes that tiles link: asked for, compared with their pins, hashed and gathered; many tiles at once."""
