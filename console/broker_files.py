"""What mosquitto is told: who may say and hear what (ACL), and how to listen (configuration).

The certificate's common name is the user name that the ACL's patterns stand on.
"""

from pathlib import Path

from console.office import console_name
from firmware.sync.claiming import CLAIM_LEVEL
from firmware.sync.topics import ALL_BOXES, API, topic_level

MAX_PACKET_BYTES = 300 * 1024
"""The 256 KiB a message may have, and room for topic and properties."""

CLAIM_CA, CLAIM_ACL = "claim-ca.crt", "claim-acl"
MAX_QUEUED_MESSAGES = 20_000
MAX_QUEUED_BYTES = 64 * 1024 * 1024
"""What the broker keeps for one client that is away or slow; what is beyond it, boxes send again."""


def acl_text(tenant: str) -> str:
    """Return the ACL: a box sends under its own ``up/`` and hears its own ``down/`` and that for all."""
    root = f"{API}/{topic_level(tenant)}"
    console = f"user {console_name(tenant)}\ntopic read {root}/+/up/#\ntopic write {root}/+/down/#\n"
    boxes = (
        f"pattern write {root}/%u/up/#\n"
        f"pattern read {root}/%u/down/#\n"
        f"pattern read {root}/{ALL_BOXES}/down/#\n"
    )
    return "# Written by branchline-console init.\n" + f"{console}\n{boxes}\n{console_claim_acl(tenant)}"


def console_claim_acl(tenant: str) -> str:
    """Return the rules by which the console hears claims and answers them."""
    root = f"{API}/{topic_level(tenant)}/{CLAIM_LEVEL}"
    return f"user {console_name(tenant)}\ntopic read {root}/+/+/request\ntopic write {root}/+/+/answer\n"


def claim_acl_text(tenant: str) -> str:
    """Return the ACL of the door for claims: a machine asks under its own client id, and hears its own answer."""
    own = f"{API}/{topic_level(tenant)}/{CLAIM_LEVEL}/%u/%c"
    return f"# Written by branchline-console claim open.\npattern write {own}/request\npattern read {own}/answer\n"


def shut_out(acl: str, tenant: str, box: str) -> str:
    """Return the rules with `box` shut out: what it may by the pattern for all boxes is denied it by name."""
    return acl if _denial(tenant, box) in acl else f"{acl.rstrip()}\n\n{_denial(tenant, box)}"


def let_in(acl: str, tenant: str, box: str) -> str:
    """Return the rules as they were before `shut_out`."""
    return acl.replace(f"\n{_denial(tenant, box)}", "")


def _denial(tenant: str, box: str) -> str:
    # A list of revoked certificates is looked at when somebody connects; this holds for who is connected already.
    return f"user {box}\ntopic deny {API}/{topic_level(tenant)}/#\n"


def revocation_line(office_folder: Path) -> str:
    """Return the line that has mosquitto refuse what `box revoke` withdrew."""
    return f"crlfile {office_folder / 'authority' / 'revoked.crl'}"


def mosquitto_text(office_folder: Path, port: int, run_as: str, *, claim_port: int = 0) -> str:
    """Return mosquitto's configuration: TLS with client certificates, nothing without, state on disk.

    With a `claim_port`, machines that are no boxes yet have a door of their own there: another authority vouches for
    them, so none comes in at the other one, and rules of its own let them say and hear next to nothing.
    """
    broker_folder = office_folder / "broker"
    door = f"""
listener {claim_port}
tls_version tlsv1.2
cafile {broker_folder / CLAIM_CA}
certfile {broker_folder / "server.crt"}
keyfile {broker_folder / "server.key"}
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {broker_folder / CLAIM_ACL}
""" if claim_port else ""  # fmt: skip
    return f"""# Written by branchline-console init.
# Start with: mosquitto -c {broker_folder / "mosquitto.conf"}
# The keys are readable by their owner alone, so the broker runs as that user.
user {run_as}
per_listener_settings {"true" if claim_port else "false"}
listener {port}
tls_version tlsv1.2
cafile {office_folder / "authority" / "ca.crt"}
{revocation_line(office_folder)}
certfile {broker_folder / "server.crt"}
keyfile {broker_folder / "server.key"}
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {broker_folder / "acl"}
{door}max_packet_size {MAX_PACKET_BYTES}
max_queued_messages {MAX_QUEUED_MESSAGES}
max_queued_bytes {MAX_QUEUED_BYTES}
persistent_client_expiration 14d
persistence true
persistence_location {broker_folder / "data"}/
autosave_interval 60
log_dest stderr
"""
