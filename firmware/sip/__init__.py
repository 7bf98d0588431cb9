"""SIP engines in processes of their own: what the daemon orders, what it is told, and how the sound crosses."""
