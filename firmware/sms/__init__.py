"""Short messages from their order to what became of them: gate, reservation, line, report, answer."""
