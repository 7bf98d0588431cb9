"""Which version of this software runs."""

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """Return the installed version."""
    try:
        return version("branchline")
    except PackageNotFoundError:
        return "0+checkout"
