"""Conversations without a telephone: scripted, simulated, drawn, spoken aloud and tried by hand."""
