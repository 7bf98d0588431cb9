"""The box: takes call lists, places lawful calls, keeps every outcome until the console has it."""
