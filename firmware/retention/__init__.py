"""How long things are kept, what stops their deletion, and the loop that deletes them and proves it."""
