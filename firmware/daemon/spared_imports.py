"""Import libraries without what a daemon has no use for; it imports this before anything else.

structlog takes rich, pygments and attrs in where it finds them, to colour tracebacks that no journal shows; msgspec takes
typing_extensions, whose names Python 3.11 has itself; the first country of holidays brings the 250 others. A box has them
all: its command line, its tests and its packs need one or the other. Together they are 17 MB of memory.
"""

import gc
import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

NEEDLESS = {
    "structlog": ("rich", "colorama", "better_exceptions", "greenlet"),
    "msgspec": ("typing_extensions",),
}
"""A library, and what it can do without."""
COLLECTIONS = ("holidays.countries", "holidays.financial")
"""Packages that import all that lies in them, though it is asked for one by one."""


def import_without(library: str, needless: tuple[str, ...]) -> None:
    """Import a library while what it can do without is not to be found; afterwards that can be imported again."""
    hidden = [name for name in needless if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python says: there is none
    try:
        importlib.import_module(library)
    finally:
        for name in hidden:
            del sys.modules[name]


def open_without_reading(package: str) -> None:
    """Have a package's modules importable one by one, without the line of the package that imports them all."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None or package in sys.modules:
        return
    shelf = ModuleType(package, "Imported one by one: firmware/daemon/spared_imports.py.")
    shelf.__path__ = list(spec.submodule_search_locations)
    shelf.__spec__ = spec
    sys.modules[package] = shelf


# What is imported is kept: a collector that goes through all of it again and again finds nothing, and takes a tenth of the
# start. `main` has it collect again.
gc.disable()
for _library, _needless in NEEDLESS.items():
    import_without(_library, _needless)
for _package in COLLECTIONS:
    open_without_reading(_package)
