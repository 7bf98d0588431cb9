"""The tables of the first layout, as they were made then: later steps change them, this text never."""

FIRST_TABLES = (
    """CREATE TABLE setting (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE campaign (
        campaign TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('receiving','ready','paused','done','cancelled','expired')),
        flow_text TEXT NOT NULL,
        flow_sha256 TEXT NOT NULL,
        ring_timeout_s INTEGER NOT NULL,
        promise_max_days INTEGER NOT NULL,
        starts_at INTEGER,
        expires_at INTEGER NOT NULL,
        lines TEXT NOT NULL,
        contacts INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        raw BLOB NOT NULL,
        received_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE contact_batch (
        campaign TEXT NOT NULL REFERENCES campaign,
        batch INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        PRIMARY KEY (campaign, batch)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE contact (
        campaign TEXT NOT NULL REFERENCES campaign,
        contact TEXT NOT NULL,
        row INTEGER NOT NULL,
        person TEXT NOT NULL,
        numbers TEXT NOT NULL,
        language TEXT NOT NULL,
        region TEXT,
        time_zone TEXT,
        status TEXT NOT NULL,
        debt TEXT,
        consents TEXT NOT NULL,
        vars TEXT NOT NULL,
        priority INTEGER NOT NULL,
        not_before INTEGER,
        expires_at INTEGER,
        state TEXT NOT NULL CHECK (state IN ('open','waiting','in_call','done','recalled')),
        due_at INTEGER NOT NULL,
        waiting_until INTEGER,
        disposition TEXT,
        rule TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (campaign, contact)
    ) STRICT""",
    """CREATE INDEX contact_due ON contact (campaign, priority DESC, due_at, row)
        WHERE state IN ('open','waiting')""",
    "CREATE INDEX contact_next ON contact (campaign, due_at) WHERE state IN ('open','waiting')",
    "CREATE INDEX contact_state ON contact (campaign, state)",
    """CREATE TABLE attempt (
        attempt TEXT PRIMARY KEY,
        campaign TEXT NOT NULL,
        contact TEXT NOT NULL,
        person TEXT NOT NULL,
        debt TEXT,
        number TEXT NOT NULL,
        line TEXT NOT NULL,
        line_number TEXT,
        reserved_at INTEGER NOT NULL,
        dialled_at INTEGER,
        answered_at INTEGER,
        ended_at INTEGER,
        disposition TEXT,
        cause TEXT,
        cause_q850 INTEGER,
        confidence REAL,
        conversation INTEGER NOT NULL DEFAULT 0,
        FOREIGN KEY (campaign, contact) REFERENCES contact (campaign, contact)
    ) STRICT""",
    # One open reservation per line, per number and per contact: whoever forgets one cannot dial the next.
    "CREATE UNIQUE INDEX attempt_open_line ON attempt (line) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempt_open_number ON attempt (number) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX attempt_open_contact ON attempt (campaign, contact) WHERE ended_at IS NULL",
    "CREATE INDEX attempt_person ON attempt (person, reserved_at)",
    "CREATE INDEX attempt_number ON attempt (number, reserved_at)",
    "CREATE INDEX attempt_debt ON attempt (debt, reserved_at) WHERE debt IS NOT NULL",
    """CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
        BEGIN SELECT RAISE(ABORT, 'attempts are never deleted: caps count them'); END""",
    """CREATE TRIGGER attempt_dialled_once BEFORE UPDATE OF dialled_at ON attempt
        WHEN OLD.dialled_at IS NOT NULL OR OLD.ended_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'this reservation was dialled or ended already'); END""",
    """CREATE TRIGGER attempt_ended_once BEFORE UPDATE ON attempt WHEN OLD.ended_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'this attempt has ended'); END""",
    """CREATE TABLE call_event (
        attempt TEXT NOT NULL REFERENCES attempt,
        position INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        PRIMARY KEY (attempt, position)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE outcome (
        attempt TEXT PRIMARY KEY REFERENCES attempt,
        campaign TEXT NOT NULL,
        contact TEXT NOT NULL,
        person TEXT NOT NULL,
        disposition TEXT NOT NULL,
        reached INTEGER NOT NULL,
        right_party INTEGER NOT NULL,
        final INTEGER NOT NULL,
        talk_ms INTEGER NOT NULL,
        confidence REAL NOT NULL,
        flow TEXT NOT NULL,
        flow_version INTEGER NOT NULL,
        digits_heard INTEGER NOT NULL,
        note TEXT NOT NULL,
        ended_at INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX outcome_campaign ON outcome (campaign, disposition)",
    """CREATE TABLE promise (
        attempt TEXT PRIMARY KEY REFERENCES outcome,
        due TEXT NOT NULL,
        amount_minor INTEGER,
        currency TEXT,
        confirmed INTEGER NOT NULL,
        CHECK ((amount_minor IS NULL) = (currency IS NULL))
    ) STRICT""",
    """CREATE TABLE suppression (
        id TEXT PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('person','number','debt')),
        person TEXT,
        number TEXT,
        debt TEXT,
        reason TEXT NOT NULL,
        source TEXT NOT NULL,
        at INTEGER NOT NULL,
        CHECK (CASE scope WHEN 'person' THEN person WHEN 'number' THEN number ELSE debt END IS NOT NULL)
    ) STRICT""",
    # The console repeats its list to renew the lease: the same suppression again is not another row.
    """CREATE UNIQUE INDEX suppression_once ON suppression
        (scope, ifnull(person,''), ifnull(number,''), ifnull(debt,''), reason)""",
    "CREATE INDEX suppression_person ON suppression (person) WHERE person IS NOT NULL",
    "CREATE INDEX suppression_number ON suppression (number) WHERE number IS NOT NULL",
    "CREATE INDEX suppression_debt ON suppression (debt) WHERE debt IS NOT NULL",
    """CREATE TRIGGER suppression_stays BEFORE DELETE ON suppression
        BEGIN SELECT RAISE(ABORT, 'suppressions are only ever added'); END""",
    """CREATE TRIGGER suppression_fixed BEFORE UPDATE ON suppression
        BEGIN SELECT RAISE(ABORT, 'suppressions are only ever added'); END""",
    """CREATE TABLE recording (
        recording TEXT PRIMARY KEY,
        attempt TEXT NOT NULL REFERENCES attempt,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        duration_ms INTEGER NOT NULL,
        n_bytes INTEGER NOT NULL,
        recipients TEXT NOT NULL,
        notice_at INTEGER,
        delete_after INTEGER,
        uploaded_at INTEGER
    ) STRICT""",
    "CREATE INDEX recording_attempt ON recording (attempt)",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        previous TEXT NOT NULL,
        body TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT""",
    """CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END""",
    """CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END""",
    """CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY,
        leaf TEXT NOT NULL,
        body BLOB NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE outbox_head (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        last_seq INTEGER NOT NULL,
        received_up_to INTEGER NOT NULL CHECK (received_up_to <= last_seq)
    ) STRICT""",
    "INSERT INTO outbox_head VALUES (1, 0, 0)",
    """CREATE TABLE inbox (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        answer_seq INTEGER NOT NULL,
        answer BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX inbox_age ON inbox (received_at)",
)
