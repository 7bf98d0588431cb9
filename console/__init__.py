"""The reference central console: pushes signed call lists, keeps what the boxes report."""
