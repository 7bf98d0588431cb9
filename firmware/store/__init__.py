"""What must survive power loss: one SQLite file, one writer."""
