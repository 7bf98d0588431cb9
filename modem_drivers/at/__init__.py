"""The AT layer: bytes to tokens, tokens to responses and URCs, one command in flight."""
