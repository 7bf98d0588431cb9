"""Everything said to a modem. Knows nothing of audio, storage or campaigns."""
