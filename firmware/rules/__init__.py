"""Which rules a box goes by: its packs, who approved them, the office's releases; and what was decided under them."""
