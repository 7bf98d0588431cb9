"""Is a file of evidence what stands in this box's own log? Reads only."""

from firmware.evidence.facts import Evidence
from firmware.store.connection import Connection


def compare_with_log(con: Connection, evidence: Evidence) -> str:
    """Return the first entry that this box's log has otherwise, empty when every one is the same."""
    first, last = evidence.chain[0].seq, evidence.chain[-1].seq
    rows = con.rows("SELECT seq, hash FROM audit WHERE seq BETWEEN ? AND ?", (first, last))
    own = {row["seq"]: row["hash"] for row in rows}
    for link in evidence.chain:
        if own.get(link.seq) != link.hash:
            return f"entry {link.seq} is not the one that stands in this box's log"
    return ""
