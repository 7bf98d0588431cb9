"""The running box: its parts put together, tried, kept in step with its settings, and told of to its console."""
