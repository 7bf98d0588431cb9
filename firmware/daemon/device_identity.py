"""Where the box's own key lies: a file of its data folder, one that the settings name, or a credential of the service."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware.host.credentials import CredentialMissingError, credential_file
from firmware.settings import Settings
from firmware.sync.device_key import device_key
from firmware.sync.signing import KeyFileError, load_private_key


def device_key_of(settings: Settings, *, may_make: bool = True) -> Ed25519PrivateKey:
    """Return the box's own key, made at its first start. Raises KeyFileError."""
    name = settings.audit.device_key_credential
    if name is None:
        path = Path(settings.audit.device_key or Path(settings.box.data_dir) / "device.key")
        return device_key(path) if may_make else load_private_key(path)
    try:
        return load_private_key(credential_file(name))
    except CredentialMissingError as error:
        raise KeyFileError(str(error)) from None
