"""The traps of RFC 4475, one message each, written for this box: by its section, what is wrong or rare in it, and the bytes."""
# ruff: noqa: E501 - a row is a message

import re
from collections.abc import Callable

BODY = (
    "v=0\r\no=a 1 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0 8\r\n"
)
Change = Callable[[str], str]


def plain(method: str = "INVITE", *, uri: str = "sip:box@127.0.0.1", body: str = BODY) -> str:
    """Return a message without any trap."""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{{port}};branch=z9hG4bK.{{name}}\r\n"
        f"From: <sip:caller@example.net>;tag={{name}}\r\nTo: <sip:box@127.0.0.1>\r\nCall-ID: {{name}}@example.net\r\n"
        f"CSeq: 7 {method}\r\nMax-Forwards: 70\r\nContact: <sip:caller@127.0.0.1:{{port}}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def swap(pattern: str, new: str) -> Change:
    """Return what replaces the first match."""

    def change(text: str) -> str:
        changed, n_found = re.subn(pattern, lambda _found: new, text, count=1)
        assert n_found, pattern
        return changed

    return change


def more(*lines: str) -> Change:
    """Return what adds header lines."""
    return swap("Max-Forwards: 70\r\n", "Max-Forwards: 70\r\n" + "".join(line + "\r\n" for line in lines))


def changed(text: str, *changes: Change) -> str:
    """Return the text with its traps."""
    for change in changes:
        text = change(text)
    return text


_ODD_METHOD = "!interesting-Method0123456789_*+`.%indeed'~"
_LONG = "longvalue." * 80
TORTURES: dict[str, str] = {
    # 3.1.1: rare and right
    "3.1.1.1 folded and spaced": changed(
        plain(uri="sip:box@127.0.0.1;unknownparam"),
        swap("To: ", "TO :\r\n "),
        swap("From: ", 'from   : "J \\\\\\""    '),
        swap("CSeq: 7 INVITE", "cseq: 0009\r\n  INVITE"),
        swap("Max-Forwards: 70", "MaX-fOrWaRdS: 0068\r\ns :\r\nNewFangled:   one\r\n two\r\nOdd: ;;,,;;,;"),
    ),
    "3.1.1.2 every letter": changed(
        plain(uri="sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com", body=""),
        swap("INVITE sip", f"{_ODD_METHOD} sip"),
        swap("7 INVITE", f"7 {_ODD_METHOD}"),
        swap("Call-ID: ", "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}}{{"),
    ),
    "3.1.1.3 escaped": changed(plain(uri="sip:sips%3Auser%40example.com@127.0.0.1"), swap("caller@example.net", "I%20have%20spaces@example.net")),
    "3.1.1.4 escaped nulls": changed(plain("REGISTER", body=""), swap("sip:box@127.0.0.1>", "sip:null-%00-null@127.0.0.1>"), swap("<sip:caller@127", "<sip:%00@127")),
    "3.1.1.5 escapes that are none": changed(
        plain(body=""), swap("INVITE sip", "RE%47IST%45R sip"), swap("7 INVITE", "7 RE%47IST%45R"), swap("Contact", "C%6Fntact: <sip:x@y>\r\nContact")
    ),
    "3.1.1.6 no space before the bracket": changed(plain(), swap("From: <", "From: caller<")),
    "3.1.1.7 long": changed(
        plain(uri="sip:box@127.0.0.1;" + _LONG), swap("<sip:box", f'"{_LONG}" <sip:box'), more(*(f"Unknown-{n}: {_LONG}" for n in range(30)))
    ),
    "3.1.1.8 something behind it": plain("REGISTER", body="") + plain(),
    "3.1.1.9 semicolon in the user": plain("OPTIONS", uri="sip:user;par=u%40example.net@127.0.0.1", body=""),
    "3.1.1.10 many transports": changed(
        plain("OPTIONS", body=""), more(*(f"Via: SIP/2.0/{kind} t{n}.example.com;branch=z9hG4bKk{n}" for n, kind in enumerate(("SCTP", "TLS", "UNKNOWN", "TCP"))))
    ),
    "3.1.1.11 parts": changed(
        plain(body="--7a\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a\r\nContent-Type: application/octet-stream\r\n\r\n\0\1\xff\r\n--7a--\r\n"),
        swap("application/sdp", "multipart/mixed;boundary=7a"),
    ),
    "3.1.1.12 a reason of its own": "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять\r\n" + plain().split("\r\n", 1)[1],
    "3.1.1.13 no reason": "SIP/2.0 100 \r\n" + plain(body="").split("\r\n", 1)[1],
    # 3.1.2: wrong
    "3.1.2.1 separators": changed(plain(), swap("From: <sip:caller@example.net>;", "From: <sip:caller@example.net>;;,;,,")),
    "3.1.2.2 longer than it is": changed(plain(), swap("Content-Length: [0-9]+", "Content-Length: 9999")),
    "3.1.2.3 less than nothing": changed(plain(), swap("Content-Length: [0-9]+", "Content-Length: -999")),
    "3.1.2.4 numbers too great": changed(
        plain("REGISTER", body=""), swap("CSeq: 7", "CSeq: 36893488147419103232"), swap("Max-Forwards: 70", "Max-Forwards: 300\r\nExpires: 10000000000")
    ),
    "3.1.2.5 numbers too great in a response": changed(
        "SIP/2.0 503 Service Unavailable\r\n" + plain(body="").split("\r\n", 1)[1], swap("CSeq: 7", "CSeq: 9292394834772304023312"), more("Retry-After: 949302838503028349304023988", 'Warning: 1812 a "x"')
    ),
    "3.1.2.6 a quote left open": changed(plain(), swap("To: <", 'To: "Mr J. User <')),
    "3.1.2.7 brackets around the target": plain(uri="<sip:box@127.0.0.1>"),
    "3.1.2.8 spaces in the target": plain(uri="sip:box@127.0.0.1; lr"),
    "3.1.2.9 spaces in the first line": changed(plain(), swap(" sip:box@127.0.0.1 SIP/2.0", "   sip:box@127.0.0.1   SIP/2.0")),
    "3.1.2.10 spaces behind the first line": changed(plain(), swap(" SIP/2.0\r\n", " SIP/2.0  \r\n")),
    "3.1.2.11 headers in the target": plain(uri="sip:box@127.0.0.1?Route=%3Csip:example.com%3E"),
    "3.1.2.12 no such time zone": changed(plain(), more("Date: Fri, 01 Jan 2010 16:00:00 EST")),
    "3.1.2.13 question mark outside brackets": changed(plain("REGISTER", body=""), swap("Contact: <(.*)>", "Contact: sip:u@e.com?Route=%3Csip:s.e.com%3E")),
    "3.1.2.14 spaces in an address": changed(plain("OPTIONS", body=""), swap("To: <sip:box@127.0.0.1>", 'To: "W" < sip:box@127.0.0.1 >')),
    "3.1.2.15 a name that is none": changed(plain("OPTIONS", body=""), swap("From: <", "From: Bell, Alexander <")),
    "3.1.2.16 version 7": changed(plain("OPTIONS", body=""), swap("SIP/2.0\r\n", "SIP/7.0\r\n")),
    "3.1.2.17 two methods": changed(plain("OPTIONS", body=""), swap("7 OPTIONS", "7 INVITE")),
    "3.1.2.18 two unknown methods": changed(plain("NEWMETHOD", body=""), swap("7 NEWMETHOD", "7 INVITE")),
    "3.1.2.19 status beyond": "SIP/2.0 4294967301 better not break the receiver\r\n" + plain(body="").split("\r\n", 1)[1],
    # 3.2 to 3.4: transactions and applications
    "3.2.1 half a branch": changed(plain("OPTIONS", body=""), swap(r"branch=z9hG4bK\.\{name\}", "branch=z9hG4bK")),
    "3.3.1 headers missing": "INVITE sip:box@127.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKinsuf\r\nContent-Length: 0\r\n\r\n",
    "3.3.2 scheme unknown": plain("OPTIONS", uri="nobodyKnowsThisScheme:totallyopaquecontent", body=""),
    "3.3.3 scheme of another": plain("OPTIONS", uri="soap.beep://192.0.2.103:3002", body=""),
    "3.3.4 schemes in headers": changed(plain("REGISTER", body=""), swap("<sip:box@127.0.0.1>", "<isbn:2983792873>"), swap("Contact: <(.*)>", "Contact: <name:John_Smith>")),
    "3.3.5 what is required": changed(plain("OPTIONS", body=""), more("Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: noProxiesSupportThis")),
    "3.3.6 a body of no known kind": changed(plain(), swap("application/sdp", "application/unknownformat")),
    "3.3.7 credentials of no known kind": changed(plain("REGISTER", body=""), more('Authorization: NoOneKnowsThisScheme opaque-data="here"')),
    "3.3.8 twice what comes once": changed(plain(), more("CSeq: 5 INVITE", "Call-ID: other@example.net", "Max-Forwards: 5", "From: <sip:other@example.net>;tag=o", "To: <sip:o@example.net>")),
    "3.3.9 two lengths": changed(plain("OPTIONS"), more("Content-Length: 13")),
    "3.3.10 a response from everywhere": changed(
        "SIP/2.0 200 OK\r\n" + plain().split("\r\n", 1)[1], swap(r"127\.0\.0\.1:\{port\};", "192.0.2.198;"), more("Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23")
    ),
    "3.3.11 no hop left": changed(plain("OPTIONS", body=""), swap("Max-Forwards: 70", "Max-Forwards: 0")),
    "3.3.12 parameters outside brackets": changed(plain("REGISTER", body=""), swap("Contact: <(.*)>", "Contact: sip:+19725552222@gw1.example.net;unknownparam")),
    "3.3.13 parameters inside brackets": changed(plain("REGISTER", body=""), swap("Contact: <(.*)>", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>")),
    "3.3.14 a route to escape": changed(plain("REGISTER", body=""), swap("Contact: <(.*)>", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>")),
    "3.3.15 no answer acceptable": changed(plain(), more("Accept: text/nobodyKnowsThis")),
    "3.4.1 as in 1999": f"INVITE sip:box@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{{port}}\r\nFrom: <sip:u@client.com>\r\nTo: <sip:box@127.0.0.1>\r\nCall-ID: {{name}}@old\r\nCSeq: 1 INVITE\r\n\r\n{BODY}",
}  # fmt: skip


def torture_bytes(port: int, user: str) -> list[bytes]:
    """Return all of them, as from a sender at `port` to `user`; each in a call of its own."""
    return [
        text.replace("box@", f"{user}@")
        .replace("{port}", str(port))
        .replace("{name}", f"t{number}")
        .encode("utf-8", "replace")
        for number, text in enumerate(TORTURES.values())
    ]
