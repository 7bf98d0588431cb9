"""The entry of `branchline-console`: says what is missing where only a box's libraries are installed."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from console.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"console", "firmware", "audio", "modem_drivers"}:
            raise
        sys.exit(
            f"branchline-console: {error.name} is not installed; a box needs no console. On the office's computer: "
            "pip install 'branchline[console]'"
        )
    run()
