"""Pages that versions before this one left behind with what was deleted on them."""

import sqlite3

_MADE_ANEW = "made_anew"
"""The setting that says: no page of this file is from before deleted content was overwritten."""
_EMPTY_SHARE = 4


def overwrite_old_pages(sqlite: sqlite3.Connection) -> None:
    """Make the file anew once, for what versions before this one deleted, and whenever much of it lies empty."""
    empty = sqlite.execute("PRAGMA freelist_count").fetchone()[0]
    pages = sqlite.execute("PRAGMA page_count").fetchone()[0]
    known = sqlite.execute("SELECT 1 FROM setting WHERE key = ?", (_MADE_ANEW,)).fetchone()
    if known is None or empty * _EMPTY_SHARE > pages:
        sqlite.execute("VACUUM")
        sqlite.execute("INSERT OR IGNORE INTO setting VALUES (?, '1')", (_MADE_ANEW,))
