"""The table of short messages: constraints and triggers keep any code path from sending one twice."""

SMS_TABLE = (
    """CREATE TABLE sms (
        sms TEXT PRIMARY KEY,
        origin TEXT NOT NULL CHECK (origin IN ('flow','console')),
        attempt TEXT,
        campaign TEXT NOT NULL,
        contact TEXT NOT NULL,
        person TEXT NOT NULL,
        number TEXT NOT NULL,
        text TEXT NOT NULL,
        language TEXT NOT NULL,
        slots TEXT NOT NULL,
        may_tell_debt INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (
            state IN ('waiting','sending','sent','delivered','failed','uncertain','refused','expired')),
        rule TEXT NOT NULL DEFAULT '',
        ordered_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        line TEXT,
        reserved_at INTEGER,
        sent_at INTEGER,
        ended_at INTEGER,
        n_parts INTEGER NOT NULL DEFAULT 0,
        parts TEXT NOT NULL DEFAULT '[]',
        sealed BLOB
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX sms_due ON sms (due_at) WHERE state = 'waiting'",
    "CREATE INDEX sms_person ON sms (person)",
    "CREATE INDEX sms_number ON sms (number, reserved_at)",
    "CREATE UNIQUE INDEX sms_line_sends_one ON sms (line) WHERE state = 'sending' AND line <> ''",
    """CREATE TRIGGER sms_sent_once BEFORE UPDATE OF state ON sms
        WHEN NEW.state IN ('waiting','sending') AND OLD.state NOT IN ('waiting','sending')
        BEGIN SELECT RAISE(ABORT, 'this message may have been sent'); END""",
    """CREATE TRIGGER sms_to_one BEFORE UPDATE OF sms, person, number, text ON sms
        BEGIN SELECT RAISE(ABORT, 'a message keeps whom it is for and what it says'); END""",
    "ALTER TABLE campaign ADD COLUMN texts TEXT NOT NULL DEFAULT ''",
)
