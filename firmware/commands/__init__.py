"""What a console may ask a running box to do: which commands there are, and how each is done once."""
