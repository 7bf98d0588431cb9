"""TLS as this project wants it, and one line for every way in which a broker cannot be reached."""

import socket
import ssl

from firmware.sync.mqtt_settings import MqttSettings, TlsFiles


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context that trusts only our authority, checks the host name and speaks TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, path in (("ca", files.ca), ("certificate", files.certificate), ("key", files.key)):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: [mqtt] {name} names it")
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.certificate, files.key, files.key_password)
    return context


def explain(error: Exception, settings: MqttSettings) -> str:
    """Return one line that says why there is no connection and what to check."""
    where = f"{settings.host}:{settings.port}"
    match error:
        case ssl.SSLCertVerificationError():
            ca = settings.tls.ca if settings.tls else ""
            return (
                f"{where}: the broker's certificate is refused: {error.verify_message}; checked against {ca}"
            )
        case ssl.SSLError():
            files = f" with {settings.tls.certificate} and {settings.tls.key}" if settings.tls else ""
            return f"{where}: no TLS connection{files}: {error.reason or error}"
        case socket.gaierror():
            return f"{where}: no such host: check [mqtt] host and the network's DNS"
        case ConnectionRefusedError():
            return f"{where}: nobody listens there: is the broker running, is [mqtt] port right?"
        case TimeoutError():
            return f"{where}: no answer within {settings.connect_timeout_s:g} s: check network and firewall"
        case _:
            return f"{where}: {error}"
