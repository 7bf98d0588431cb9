"""What a short message of a campaign says, how long it is, and what an answer to it means (pure)."""
