"""The conversation as data: flow language, its checks, and the machine that walks it. Pure."""
