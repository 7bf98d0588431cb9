"""What can go wrong between box and broker, named by what the caller should do about it."""


class SyncError(Exception):
    """Root of this package's errors."""


class NotConnectedError(SyncError):
    """The message did not get through; nothing is known of it at the broker: send it again when connected."""


class PublishRefusedError(SyncError):
    """The broker answered, and will not take this message: sending it again at once will not help."""

    def __init__(self, topic: str, reason_code: int, reason: str) -> None:
        super().__init__(f"the broker refuses {topic}: {reason} (0x{reason_code:02x})")
        self.topic = topic
        self.reason_code = reason_code
        self.reason = reason


class BrokerRefusedError(SyncError):
    """There is no usable connection to this broker; the text is one line and says what to check."""


class HttpsFailedError(SyncError):
    """There was no answer to a request; the text says why in one line."""
