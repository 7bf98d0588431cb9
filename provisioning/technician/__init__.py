"""The technician's console on a serial line: a PIN, menus of plain text, and everything a visit needs."""
