"""One call from order to outcome: scheduler, session, outcome, retry."""
