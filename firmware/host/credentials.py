"""The secrets that the service manager hands over: files under $CREDENTIALS_DIRECTORY (systemd.exec(5), CREDENTIALS)."""

import os
from pathlib import Path


class CredentialMissingError(LookupError):
    """The service was not given this secret; the text says how to give it."""


def credential_file(name: str) -> Path:
    """Return where the secret lies. Raises CredentialMissingError."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise CredentialMissingError(f"the service has no credentials: give it LoadCredential={name}:FILE")
    path = Path(folder) / name
    if not path.is_file():
        raise CredentialMissingError(
            f"the service was not given the credential {name}: put it into /etc/credstore.encrypted with "
            f"`systemd-creds encrypt --name={name} FILE /etc/credstore.encrypted/{name}`, and see that the unit loads it"
        )
    return path
