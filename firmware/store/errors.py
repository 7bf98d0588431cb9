"""What can go wrong with the box's database, named by what the caller should do about it."""


class StoreError(Exception):
    """Root of this package's errors: nothing of the transaction is kept."""


class StoreBusyError(StoreError):
    """Too many transactions wait: try again later, or take less work on."""


class StoreClosedError(StoreError):
    """The database is closed: the box is stopping."""


class StoreConflictError(StoreError):
    """The rows are not as this change needs them (there already, done already, unknown)."""


class StoreFailedError(StoreError):
    """The disk is full, broken or unwritable: stop dialling until a transaction succeeds again."""


class StoreDamagedError(StoreError):
    """The file is not a sound database of this program: nothing may be dialled from it."""


class StoreNewerError(StoreError):
    """The file is sound, and a newer version of this program wrote it: update the program, not the file."""


class StoreLockedError(StoreError):
    """Another process has this database open; two writers would dial twice."""
