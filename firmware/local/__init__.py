"""The box's doors for people on the spot: a Unix socket for a technician, a page for the office, metrics. Nothing here dials."""
