"""What a far end's release means for a call, whichever kind of line carried it."""

from firmware.lines.line import EndKind
from modem_drivers.events import ReleaseKind

END_KINDS = {
    ReleaseKind.ANSWERED_REMOTE: EndKind.RELEASED_BY_CALLEE,
    ReleaseKind.LOCAL: EndKind.RELEASED_BY_US,
    ReleaseKind.BUSY: EndKind.BUSY,
    ReleaseKind.NO_ANSWER: EndKind.NO_ANSWER,
    ReleaseKind.REJECTED: EndKind.REJECTED,
    ReleaseKind.POWERED_OFF: EndKind.POWERED_OFF,
    ReleaseKind.UNREACHABLE: EndKind.UNREACHABLE,
    ReleaseKind.INVALID_NUMBER: EndKind.VACANT_NUMBER,
    ReleaseKind.CONGESTION: EndKind.CONGESTION,
    ReleaseKind.BARRED: EndKind.CALL_RESTRICTED,
    ReleaseKind.NETWORK_FAULT: EndKind.NETWORK_FAULT,
    ReleaseKind.LOCAL_FAULT: EndKind.LOCAL_FAULT,
    ReleaseKind.UNKNOWN: EndKind.UNKNOWN,
}
