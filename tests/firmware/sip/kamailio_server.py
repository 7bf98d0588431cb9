"""Debian's kamailio as a trunk's server: registrar with digest, and a proxy over UDP, TCP and TLS with a CA of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.firmware.sip.sip_far_end import free_port

SECRET = "s3cret word"
DOMAIN = "sip.office.example"
"""Which no DNS knows: whatever reaches the server under it came by way of the outbound proxy."""
_MODULES = ("sl", "tm", "rr", "pv", "maxfwd", "xlog", "textops", "usrloc", "registrar", "auth", "siputils")
_CONFIG = """
debug=0
log_stderror=yes
children=1
tcp_children=1
fork=yes
auto_aliases=no
alias="{domain}"
{listen}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
{modules}
modparam("auth", "nonce_expire", 300)
modparam("registrar", "min_expires", 1)
modparam("tls", "config", "{folder}/tls.cfg")
request_route {{
    $var(sound) = "-";
    if (search_body("RTP/SAVP")) {{
        $var(sound) = "secured";
    }}
    xlog("L_ALERT", "TOLD $rm $proto $var(sound)\\n");
    if (method == "REGISTER") {{
        if (!pv_www_authenticate("$fd", "{secret}", "0")) {{
            www_challenge("$fd", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || method == "ACK") {{
            t_relay();
        }}
        exit;
    }}
    if (method == "CANCEL") {{
        t_relay();
        exit;
    }}
    if (method == "INVITE") {{
        if (!pv_proxy_authenticate("$fd", "{secret}", "0")) {{
            proxy_challenge("$fd", "1");
            exit;
        }}
        consume_credentials();
        record_route();
        $ru = "sip:" + $rU + "@127.0.0.1:{far}";
        t_relay();
        exit;
    }}
    sl_send_reply("404", "Not Here");
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kamailio:
    """A running server and where it is to be found."""

    port: int
    """UDP and TCP."""
    tls_port: int
    """Its certificate is for localhost and 127.0.0.1."""
    other_tls_port: int
    """Its certificate is by the same CA, and for somebody else."""
    ca: Path
    strange_ca: Path
    """Vouches for none of its certificates."""
    log: Path

    def told(self) -> list[str]:
        """Return what it was asked: of each request the method, the transport, and whether it offers SRTP alone."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.partition("TOLD ")[2] for line in lines if "TOLD " in line]


@asynccontextmanager
async def kamailio(folder: Path, *, far: int = 9, port: int = 0) -> AsyncIterator[Kamailio]:
    """Run one; calls are passed on to the far end at `far`, whatever their domain."""
    port = port or free_port(socket.SOCK_STREAM)
    ports = (port, free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM))
    ca, strange_ca = _certificates(folder, ports[1:])
    listen = "\n".join(
        f"listen={kind}:127.0.0.1:{at}"
        for kind, at in (("udp", port), ("tcp", port), ("tls", ports[1]), ("tls", ports[2]))
    )
    path, log = folder / "kamailio.cfg", folder / "kamailio.txt"
    modules = "\n".join(f'loadmodule "{name}.so"' for name in (*_MODULES, "tls"))
    text = _CONFIG.format(
        listen=listen, domain=DOMAIN, modules=modules, folder=folder, secret=SECRET, far=far
    )
    path.write_text("enable_tls=yes\n" + text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "kamailio", "-f", str(path), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(folder), "-w", str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log.open("ab"),
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(10):
            while not _takes_connections(ports[2]):
                assert process.returncode is None, log.read_text(errors="replace")[-3000:]
                await asyncio.sleep(0.03)
        yield Kamailio(
            port=port, tls_port=ports[1], other_tls_port=ports[2], ca=ca, strange_ca=strange_ca, log=log
        )
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _certificates(folder: Path, ports: tuple[int, ...]) -> tuple[Path, Path]:
    """Write CA, certificates and tls.cfg; return the CA's file and another CA's."""
    key, ca = _authority("Office CA")
    _strange_key, strange = _authority("Some other CA")
    own = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    others = x509.SubjectAlternativeName([x509.DNSName("sip.elsewhere.example")])
    text = ""
    for port, common_name, names in zip(
        ports, ("127.0.0.1", "sip.elsewhere.example"), (own, others), strict=True
    ):
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(common_name, leaf_key, names, issuer=ca.subject, signed_by=key)
        _write(folder / f"{port}.pem", leaf)
        pem = leaf_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / f"{port}.key").write_bytes(pem)
        text = (
            text
            or f"[server:default]\ncertificate = {folder}/{port}.pem\nprivate_key = {folder}/{port}.key\n"
        )
        text += (
            f"[server:127.0.0.1:{port}]\nmethod = TLSv1.2\nverify_certificate = no\n"
            f"require_certificate = no\ncertificate = {folder}/{port}.pem\nprivate_key = {folder}/{port}.key\n"
        )
    (folder / "tls.cfg").write_text(text, encoding="utf-8")
    return _write(folder / "ca.pem", ca), _write(folder / "strange-ca.pem", strange)


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return key, _certificate(
        name, key, x509.BasicConstraints(ca=True, path_length=0), issuer=subject, signed_by=key
    )


def _certificate(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    *,
    issuer: x509.Name,
    signed_by: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signed_by, hashes.SHA256())
    )


def _write(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
