"""What differs between modem families, one file a family; `catalogue` is the only list."""
