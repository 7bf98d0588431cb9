"""Ways to move a call's frames in and out."""
