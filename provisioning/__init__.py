"""How a machine becomes a box and stays one: installation, image, identity, updates. Never imported by the daemon."""
