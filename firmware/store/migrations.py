"""The tables of the box, as an append-only list of migrations. A released migration is never edited.

Instants are integer milliseconds UTC, ids are text, lists and variables are JSON text. Rules that keep the
box from dialling twice stand here as constraints and triggers, so that no code path can step around them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from firmware.store.first_tables import FIRST_TABLES
from firmware.store.line_states import LINE_STATE_TABLE
from firmware.store.migration_list import MigrationList
from firmware.store.sms_table import SMS_TABLE

if TYPE_CHECKING:  # imported when one of them is due (migration_list.py)
    from sqlite_utils import Database as SqliteUtils

migrations = MigrationList("branchline")


@migrations(name="0001_tables")
def create_tables(database: SqliteUtils) -> None:
    """Create what version 0.1 needs."""
    for statement in FIRST_TABLES:
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


@migrations(name="contact_consent_dates")
def add_contact_consented_at(database: SqliteUtils) -> None:
    """Keep when a consent was given: one of a number's previous owner is none."""
    database.conn.execute("ALTER TABLE contact ADD COLUMN consented_at TEXT NOT NULL DEFAULT '{}'")


@migrations(name="inbound_calls")
def create_inbound_calls(database: SqliteUtils) -> None:
    """Keep who called in: no attempt of ours, and counted apart."""
    for statement in (
        """CREATE TABLE inbound_call (
            call TEXT PRIMARY KEY,
            line TEXT NOT NULL,
            caller TEXT,
            rang_at INTEGER NOT NULL,
            answered_at INTEGER,
            ended_at INTEGER,
            disposition TEXT,
            flow TEXT NOT NULL,
            flow_version INTEGER NOT NULL,
            record TEXT
        ) STRICT""",
        "CREATE INDEX inbound_call_rang ON inbound_call (rang_at)",
        "CREATE INDEX inbound_call_open ON inbound_call (call) WHERE ended_at IS NULL",
    ):
        database.conn.execute(statement)


@migrations(name="contact_numbers_found")
def create_contact_number_indexes(database: SqliteUtils) -> None:
    """Find contacts by their number: those with one at once, those of the few with more by looking at them alone."""
    for statement in (
        "CREATE INDEX contact_numbers ON contact (numbers)",
        # No json_extract: a schema that is not trusted may not use it.
        "CREATE INDEX contact_more_numbers ON contact (numbers) WHERE instr(numbers, ',')",
    ):
        database.conn.execute(statement)


@migrations(name="promise_totals")
def give_promises_totals(database: SqliteUtils) -> None:
    """Keep what a plan comes to: its last instalment may be smaller than the others."""
    database.conn.execute("ALTER TABLE promise ADD COLUMN total_minor INTEGER")


@migrations(name="sms")
def create_sms(database: SqliteUtils) -> None:
    """Keep the texts of campaigns, and the messages that were ordered, with what became of them."""
    for statement in SMS_TABLE:
        database.conn.execute(statement)


@migrations(name="line_states")
def create_line_states(database: SqliteUtils) -> None:
    """Keep how the lines have stood."""
    database.conn.execute(LINE_STATE_TABLE)


@migrations(name="contacts_in_call")
def narrow_contact_states(database: SqliteUtils) -> None:
    """Find the few contacts that are in a call; an index of everybody's state cost a list a tenth of its time."""
    database.conn.execute("DROP INDEX contact_state")
    database.conn.execute("CREATE INDEX contact_in_call ON contact (campaign) WHERE state = 'in_call'")


MIGRATION_NAMES = migrations.names
"""Every migration above: a database that knows another one was written by a newer version."""
