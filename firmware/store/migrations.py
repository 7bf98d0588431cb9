"""The tables of the box, as an append-only list of migrations. A released migration is never edited.

Instants are integer milliseconds UTC, ids are text, lists and variables are JSON text. Rules that keep the
box from dialling twice stand here as constraints and triggers, so that no code path can step around them.
"""

import json

from sqlite_utils import Database as SqliteUtils
from sqlite_utils import Migrations

migrations = Migrations("branchline")

_TABLES = (
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


@migrations(name="0001_tables")
def create_tables(database: SqliteUtils) -> None:
    """Create what version 0.1 needs."""
    for statement in _TABLES:
        database.conn.execute(statement)


_AUDIT_TABLES = (
    # One key a person: destroying it erases what the audit log says of them, and leaves the chain whole.
    """CREATE TABLE audit_secret (
        person_ref TEXT PRIMARY KEY,
        key BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE rule_book (
        digest TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER rule_book_stays BEFORE DELETE ON rule_book
        BEGIN SELECT RAISE(ABORT, 'rules that were once in force are kept'); END""",
)


@migrations(name="audit_secrets")
def create_audit_secrets(database: SqliteUtils) -> None:
    """Keep what a replay of the audit log needs."""
    for statement in _AUDIT_TABLES:
        database.conn.execute(statement)


@migrations(name="console_orders")
def create_console_orders(database: SqliteUtils) -> None:
    """Remember what the console last forbade, also where there is nothing yet that it could stop."""
    database.conn.execute(
        """CREATE TABLE console_order (
            subject TEXT NOT NULL,
            action TEXT NOT NULL CHECK (action IN ('stop_all','pause','cancel','recall')),
            at INTEGER NOT NULL,
            PRIMARY KEY (subject, action)
        ) STRICT, WITHOUT ROWID"""
    )


@migrations(name="configurations")
def create_configurations(database: SqliteUtils) -> None:
    """Keep what the console configures: one in force, at most one on trial, whatever a crash interrupts."""
    for statement in (
        """CREATE TABLE configuration (
            version INTEGER PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('on_trial','in_force','rolled_back','replaced')),
            settings BLOB NOT NULL,
            message TEXT NOT NULL,
            confirm_within_s INTEGER NOT NULL,
            received_at INTEGER NOT NULL,
            decided_at INTEGER,
            proof_seq INTEGER,
            reason TEXT NOT NULL
        ) STRICT""",
        "CREATE UNIQUE INDEX configuration_in_force ON configuration (state) WHERE state = 'in_force'",
        "CREATE UNIQUE INDEX configuration_on_trial ON configuration (state) WHERE state = 'on_trial'",
    ):
        database.conn.execute(statement)


_RETENTION_TABLES = (
    """ALTER TABLE campaign ADD COLUMN over_at INTEGER""",
    """ALTER TABLE recording ADD COLUMN going_at INTEGER""",
    """ALTER TABLE outcome ADD COLUMN received_at INTEGER""",
    """ALTER TABLE audit_secret ADD COLUMN keep_until INTEGER""",
    "CREATE INDEX contact_person ON contact (person)",
    """CREATE TABLE legal_hold (
        hold TEXT PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('person','campaign','recording')),
        subject TEXT NOT NULL CHECK (subject <> ''),
        by_whom TEXT NOT NULL CHECK (trim(by_whom) <> ''),
        reason TEXT NOT NULL CHECK (trim(reason) <> ''),
        source TEXT NOT NULL,
        set_at INTEGER NOT NULL,
        released_at INTEGER,
        released_by TEXT,
        release_reason TEXT,
        n_audited INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX legal_hold_subject ON legal_hold (scope, subject) WHERE released_at IS NULL",
    """CREATE TRIGGER legal_hold_stays BEFORE DELETE ON legal_hold WHEN OLD.released_at IS NULL
        BEGIN SELECT RAISE(ABORT, 'a legal hold is released, never deleted'); END""",
    """CREATE TRIGGER legal_hold_fixed BEFORE UPDATE OF hold, scope, subject, by_whom, reason, set_at ON legal_hold
        BEGIN SELECT RAISE(ABORT, 'a legal hold is released, never changed'); END""",
    """CREATE TRIGGER legal_hold_released_once BEFORE UPDATE OF released_at ON legal_hold
        WHEN OLD.released_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'this legal hold was released already'); END""",
    # When its time has come an ended attempt loses whom it called, and nothing else: it goes on counting.
    "DROP TRIGGER attempt_ended_once",
    """CREATE TRIGGER attempt_ended_once BEFORE UPDATE ON attempt WHEN OLD.ended_at IS NOT NULL AND NOT (
            NEW.person = '' AND NEW.number = '' AND NEW.debt IS NULL AND NEW.line_number IS NULL
            AND NEW.attempt = OLD.attempt AND NEW.campaign = OLD.campaign AND NEW.line = OLD.line
            AND NEW.reserved_at = OLD.reserved_at AND NEW.dialled_at IS OLD.dialled_at
            AND NEW.answered_at IS OLD.answered_at AND NEW.ended_at = OLD.ended_at
            AND NEW.disposition IS OLD.disposition AND NEW.conversation = OLD.conversation)
        BEGIN SELECT RAISE(ABORT, 'this attempt has ended'); END""",
)


@migrations(name="retention")
def create_retention(database: SqliteUtils) -> None:
    """Let what is past its time go, and hold what a court may ask for."""
    for statement in _RETENTION_TABLES:
        database.conn.execute(statement)


_KEPT_COLUMNS = (
    "ALTER TABLE outcome ADD COLUMN answers TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE outcome ADD COLUMN callback_local TEXT",
    "ALTER TABLE outcome ADD COLUMN callback_at INTEGER",
    "ALTER TABLE outcome ADD COLUMN transfer TEXT",
    "ALTER TABLE promise ADD COLUMN instalments INTEGER NOT NULL DEFAULT 1 CHECK (instalments >= 1)",
    "ALTER TABLE promise ADD COLUMN every TEXT CHECK (every IN ('week', 'fortnight', 'month'))",
)


@migrations(name="outcome_fields")
def give_outcomes_fields(database: SqliteUtils) -> None:
    """Keep answers, callback times and plans in columns; what older rows hold of them in `note` moves there."""
    con = database.conn
    for statement in _KEPT_COLUMNS:
        con.execute(statement)
    for attempt, note in con.execute(
        "SELECT attempt, note FROM outcome WHERE note LIKE '%kept: {%'"
    ).fetchall():
        before, _mark, text = note.rpartition("kept: ")
        try:
            kept = json.loads(text)
        except ValueError:
            continue  # somebody else's words: they stay where they are
        con.execute(
            "UPDATE outcome SET note = ?, answers = ?, callback_local = ? WHERE attempt = ?",
            (
                before.removesuffix("; "),
                json.dumps(kept.get("answers", {}), ensure_ascii=False, sort_keys=True),
                kept.get("callback"),
                attempt,
            ),
        )
        if "every" in kept:
            con.execute(
                "UPDATE promise SET instalments = ?, every = ? WHERE attempt = ?",
                (kept["instalments"], kept["every"], attempt),
            )


@migrations(name="commands")
def create_commands(database: SqliteUtils) -> None:
    """Keep commands and what came of them; an answer in the outbox carries what its asker knows it by."""
    for statement in (
        """CREATE TABLE command (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            arguments BLOB NOT NULL,
            expires_at INTEGER NOT NULL,
            leaf TEXT NOT NULL,
            correlation BLOB NOT NULL,
            received_at INTEGER NOT NULL,
            started_at INTEGER,
            boot TEXT NOT NULL,
            answer_seq INTEGER,
            answer BLOB
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX command_unanswered ON command (received_at) WHERE answer IS NULL",
        "ALTER TABLE outbox ADD COLUMN correlation BLOB",
    ):
        database.conn.execute(statement)


_RULES_FROM_CONSOLE = (
    """CREATE TABLE policy_release (
        version INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        kid TEXT NOT NULL,
        signature TEXT NOT NULL,
        body BLOB NOT NULL,
        received_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TRIGGER policy_release_stays BEFORE DELETE ON policy_release
        BEGIN SELECT RAISE(ABORT, 'rules that were once in force are kept'); END""",
    """CREATE TRIGGER policy_release_fixed BEFORE UPDATE ON policy_release
        BEGIN SELECT RAISE(ABORT, 'rules that were once in force are kept'); END""",
    """CREATE TABLE contact_elsewhere (
        contact TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        number TEXT NOT NULL,
        debt TEXT,
        channel TEXT NOT NULL,
        at INTEGER NOT NULL,
        connected INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        disposition TEXT
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX contact_elsewhere_person ON contact_elsewhere (person, at)",
    "CREATE INDEX contact_elsewhere_number ON contact_elsewhere (number, at)",
    "CREATE INDEX contact_elsewhere_debt ON contact_elsewhere (debt, at) WHERE debt IS NOT NULL",
    """CREATE TRIGGER contact_elsewhere_stays BEFORE DELETE ON contact_elsewhere
        BEGIN SELECT RAISE(ABORT, 'what happened elsewhere only raises the counters'); END""",
    """CREATE TRIGGER contact_elsewhere_fixed BEFORE UPDATE ON contact_elsewhere
        BEGIN SELECT RAISE(ABORT, 'what happened elsewhere only raises the counters'); END""",
    """CREATE TABLE person_elsewhere (
        id TEXT NOT NULL,
        row INTEGER NOT NULL,
        person TEXT NOT NULL,
        fact TEXT NOT NULL,
        PRIMARY KEY (id, row)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX person_elsewhere_person ON person_elsewhere (person)",
    """CREATE TRIGGER person_elsewhere_stays BEFORE DELETE ON person_elsewhere
        BEGIN SELECT RAISE(ABORT, 'what was learnt of a person only takes away'); END""",
    """CREATE TRIGGER person_elsewhere_fixed BEFORE UPDATE ON person_elsewhere
        BEGIN SELECT RAISE(ABORT, 'what was learnt of a person only takes away'); END""",
)


@migrations(name="rules_from_console")
def create_rules_from_console(database: SqliteUtils) -> None:
    """Keep the console's releases of rules, and what the fleet knows of people."""
    for statement in _RULES_FROM_CONSOLE:
        database.conn.execute(statement)


@migrations(name="campaign_min_part")
def give_campaigns_a_least_part(database: SqliteUtils) -> None:
    """Keep the least part that a manifest lets the box agree to."""
    database.conn.execute("ALTER TABLE campaign ADD COLUMN promise_min_minor INTEGER")
    database.conn.execute("ALTER TABLE campaign ADD COLUMN promise_min_currency TEXT")


@migrations(name="uplink_use")
def create_uplink_use(database: SqliteUtils) -> None:
    """Count what goes up on each day."""
    database.conn.execute(
        "CREATE TABLE uplink_use (day TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )


@migrations(name="key_sets")
def create_key_sets(database: SqliteUtils) -> None:
    """Keep the console's signing keys as it renews them; a version is never taken back."""
    for statement in (
        """CREATE TABLE key_set (
            version INTEGER PRIMARY KEY,
            body BLOB NOT NULL,
            received_at INTEGER NOT NULL
        ) STRICT""",
        """CREATE TRIGGER key_set_stays BEFORE DELETE ON key_set
            BEGIN SELECT RAISE(ABORT, 'key sets are only ever added: a version never comes back'); END""",
    ):
        database.conn.execute(statement)


@migrations(name="campaign_versions")
def add_campaign_version(database: SqliteUtils) -> None:
    """Know which manifest of a campaign is the newest."""
    database.conn.execute("ALTER TABLE campaign ADD COLUMN version INTEGER NOT NULL DEFAULT 1")


@migrations(name="outcomes_by_day")
def index_outcomes_by_day(database: SqliteUtils) -> None:
    """Find today's outcomes without a look at those of three years."""
    database.conn.execute("CREATE INDEX outcome_ended ON outcome (ended_at, disposition)")


@migrations(name="outcome_hand_over")
def add_outcome_hand_over(database: SqliteUtils) -> None:
    """Keep what became of a callee's wish for a person."""
    database.conn.execute("ALTER TABLE outcome ADD COLUMN hand_over TEXT")


@migrations(name="recordings_never_fetched")
def add_recording_alarmed_at(database: SqliteUtils) -> None:
    """Note when the console was warned that a recording it has not fetched is about to go."""
    database.conn.execute("ALTER TABLE recording ADD COLUMN alarmed_at INTEGER")


@migrations(name="key_sets_signed")
def add_key_set_signature(database: SqliteUtils) -> None:
    """Keep a key set as it was signed, so that each can be held against the one before."""
    for column in ("topic", "kid", "signature"):
        database.conn.execute(f"ALTER TABLE key_set ADD COLUMN {column} TEXT")


MIGRATION_NAMES = frozenset(
    {
        "0001_tables",
        "audit_secrets",
        "console_orders",
        "configurations",
        "retention",
        "outcome_fields",
        "commands",
        "rules_from_console",
        "campaign_min_part",
        "uplink_use",
        "key_sets",
        "campaign_versions",
        "outcomes_by_day",
        "outcome_hand_over",
        "recordings_never_fetched",
        "key_sets_signed",
    }
)
"""Every migration above: a database that knows another one was written by a newer version."""
