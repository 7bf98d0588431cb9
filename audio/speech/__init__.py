"""Prompts: rendered or recorded before the call, never during it."""
