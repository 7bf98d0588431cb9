"""A line is one way to place a call."""
