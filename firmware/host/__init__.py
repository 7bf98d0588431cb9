"""The machine the daemon runs on: service manager, journal, local queries."""
