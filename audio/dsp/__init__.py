"""Streaming signal processing: pure, and never dependent on how the sound was sliced."""
