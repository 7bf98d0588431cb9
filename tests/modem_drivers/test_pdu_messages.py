"""Whole TPDUs: as other programs write and read them, both ways, and cut into parts."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem_drivers.errors import LocalProtocolError, MalformedPduError
from modem_drivers.pdu.address import Address, encode_number, take_address
from modem_drivers.pdu.alphabet import Alphabet, encode_septets, pack
from modem_drivers.pdu.deliver import Deliver, decode_deliver
from modem_drivers.pdu.national import LOCKING, SINGLE_RUNS
from modem_drivers.pdu.octets import OctetReader
from modem_drivers.pdu.reassembly import MAX_UNFINISHED, Reassembly
from modem_drivers.pdu.status_report import DeliveryState, decode_status_report, read_status
from modem_drivers.pdu.submit import Submit, decode_submit, encode_message, encode_submit
from modem_drivers.pdu.timestamp import encode_timestamp, take_timestamp
from modem_drivers.pdu.user_data import Concatenation, Header, UserData, encode_user_data, split_text

NUMBER = "+8613800000001"
# What python-gsmmodem-new 0.13 makes of these texts, the validity octet A7 put in.
ELSEWHERE = [
    ("hellohello", ["0031000D91683108000000F10000A70AE8329BFD4697D9EC37"]),
    (
        "您的话费余额为10.00元",
        ["0031000D91683108000000F10008A71A60A876848BDD8D394F59989D4E3A00310030002E003000305143"],
    ),
    (
        "The quick brown fox jumps over the lazy dog. " * 5,
        [
            "0071000D91683108000000F10000A7A0050003000201A8E832285E4F8FD720B1FC7D7783CC6F3C485D6FC3E7A0B7BD2C07D1"
            "D165103BACCF83C8EFB30B44459741F17A7ABC0689E5EFBB1B647EE341EA7A1B3E07BDED6539888E2E83D8617D1E447E9F5D"
            "202ABA0C8AD7D3E335482C7FDFDD20F31B0F52D7DBF039E86D2FCB41747419C40EEBF320F2FBEC0251D16550BC9E1EAF4162"
            "F9FBEE0699DF",
            "0071000D91683108000000F10000A74F050003000202F02075BD0D9F83DEF6B21C44479741ECB03E0F22BFCF2E10155D06C5"
            "EBE9F11A2496BFEF6E90F98D07A9EB6DF81CF4B697E5203ABA0C6287F57910F97D768100",
        ],
    ),
]
TEXTS = st.one_of(
    st.text(st.sampled_from(LOCKING[0].replace("\x1b", "") + "".join(SINGLE_RUNS[0].values())), max_size=700),
    st.text(max_size=300),
    st.text(st.sampled_from("话费👍🏽a€"), max_size=300),
)
NUMBERS = st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True)


def deliver_pdu(
    sender: bytes, user_data: UserData, *, at: datetime, dcs: int, zone_quarters: int = 32
) -> str:
    """What a network sends: written here by hand after 23.040 §9.2.2.1, not by the code under test."""
    length, octets = encode_user_data(user_data)
    has_header = user_data.header != Header()
    tpdu = bytes((0x04 | (0x40 if has_header else 0),)) + sender + bytes((0, dcs))
    tpdu += encode_timestamp(at, zone_quarters=zone_quarters) + bytes((length,)) + octets
    return "0891683108200505F0" + tpdu.hex().upper()


@pytest.mark.parametrize(("text", "pdus"), ELSEWHERE, ids=["7-bit", "UCS-2", "two parts"])
def test_submit_as_another_program_writes_it(text: str, pdus: list[str]) -> None:
    made = encode_message(NUMBER, text, reference=0, wants_report=True)
    assert [pdu.hex for pdu in made] == pdus
    assert [pdu.n_tpdu_octets for pdu in made] == [len(pdu) // 2 - 1 for pdu in pdus]


def test_deliver_from_the_textbook() -> None:
    message = decode_deliver("07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37")
    assert message == Deliver(
        sender=Address("27838890001"),
        sent_at=datetime(2099, 3, 29, 13, 16, 59, tzinfo=UTC),
        message_class=None,
        user_data=UserData(alphabet=Alphabet.GSM7, text="hellohello"),
    )


def test_deliver_from_a_word_and_shown_at_once() -> None:
    name = bytes((0x0D, 0xD0)) + pack(encode_septets("MY BANK") or b"")
    message = decode_deliver(
        deliver_pdu(name, UserData(alphabet=Alphabet.UCS2, text="余额"), at=datetime.now(UTC), dcs=0x18)
    )
    assert message.sender == Address("MY BANK", is_name=True)
    assert (message.user_data.text, message.message_class) == ("余额", 0)


@given(
    number=NUMBERS, text=TEXTS, reference=st.integers(0, 0xFFFF), is_wide=st.booleans(), report=st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_submit_both_ways(number: str, text: str, reference: int, is_wide: bool, report: bool) -> None:
    parts = [
        decode_submit(pdu.hex)
        for pdu in encode_message(number, text, reference=reference, is_wide=is_wide, wants_report=report)
    ]
    assert {(part.destination, part.wants_report) for part in parts} == {(Address(number), report)}
    assert "".join(part.user_data.text for part in parts) == text
    places = [part.user_data.header.concatenation for part in parts]
    if len(parts) == 1:
        assert places == [None]
    else:
        wanted = reference if is_wide else reference & 0xFF
        assert places == [
            Concatenation(reference=wanted, is_wide=is_wide, total=len(parts), number=number)
            for number in range(1, len(parts) + 1)
        ]
    for part in parts:
        assert decode_submit(encode_submit(part).hex) == part


@given(text=TEXTS, quarters=st.integers(-48, 56), at=st.datetimes(datetime(2001, 1, 1), datetime(2098, 1, 1)))  # noqa: DTZ001
@settings(max_examples=100, deadline=None)
def test_deliver_both_ways_and_put_together_in_any_order(text: str, quarters: int, at: datetime) -> None:
    at = at.replace(microsecond=0, tzinfo=UTC)
    whole: list[str] = []
    reassembly: Reassembly[int] = Reassembly()
    parts = split_text(text, reference=7)
    for place, part in enumerate(sorted(parts, key=lambda part: hash(part.text))):
        dcs = 0x08 if part.alphabet is Alphabet.UCS2 else 0x00
        pdu = deliver_pdu(encode_number(NUMBER), part, at=at, dcs=dcs, zone_quarters=quarters)
        message = decode_deliver(pdu)
        assert (message.sender.text, message.sent_at) == (NUMBER, at)
        whole += [each.text for each in reassembly.add(message, place, 0.0)]
    assert whole == [text]


@pytest.mark.parametrize(
    ("text", "is_wide", "sizes"),
    [
        pytest.param("a" * 160, False, [160], id="160 fit"),
        pytest.param("a" * 161, False, [153, 8], id="153 a part"),
        pytest.param("a" * 161, True, [152, 9], id="152 with a wide reference"),
        pytest.param("费" * 70, False, [70], id="70 fit in UCS-2"),
        pytest.param("费" * 71, False, [67, 4], id="67 a part"),
        pytest.param("费" * 71, True, [66, 5], id="66 with a wide reference"),
        pytest.param("a" * 152 + "€" * 10, False, [152, 10], id="an escape stays with its character"),
        pytest.param("费" * 66 + "👍" * 3, False, [66, 3], id="an emoji is never halved"),
        pytest.param("", False, [0], id="an empty text is a message"),
    ],
)
def test_where_a_text_is_cut(text: str, is_wide: bool, sizes: list[int]) -> None:
    parts = split_text(text, reference=1, is_wide=is_wide)
    assert [len(part.text) for part in parts] == sizes
    assert "".join(part.text for part in parts) == text


def test_national_shift_tables_travel_in_the_header() -> None:
    for locking, single, text in ((1, 0, "ĞğŞş"), (0, 1, "Ğ ş"), (6, 6, "\u0905\u0964")):
        sent = UserData(alphabet=Alphabet.GSM7, text=text, header=Header(locking=locking, single=single))
        received = decode_deliver(deliver_pdu(encode_number("10086"), sent, at=datetime.now(UTC), dcs=0))
        assert received.user_data == sent


@pytest.mark.parametrize(
    ("header", "concatenation"),
    [
        ("0003070201", Concatenation(reference=7, is_wide=False, total=2, number=1)),
        ("080400070203", None),
        ("08040107FF01", Concatenation(reference=0x107, is_wide=True, total=255, number=1)),
        ("0003070200", None),
        ("0003070000", None),
        ("000207020105", None),
        ("05040B8423F00003070201", Concatenation(reference=7, is_wide=False, total=2, number=1)),
        ("00030702", None),
        ("2401FF00030702", None),
    ],
)
def test_headers_of_others(header: str, concatenation: Concatenation | None) -> None:
    """Parts that cannot be, elements of other kinds and elements cut short are passed over (§9.2.3.24)."""
    octets = bytes.fromhex(header)
    body = bytes((len(octets),)) + octets + "Hi".encode("utf-16-be")
    tpdu = b"\x44" + encode_number("10086") + b"\x00\x08" + encode_timestamp(datetime.now(UTC))
    message = decode_deliver("00" + (tpdu + bytes((len(body),)) + body).hex())
    assert message.user_data.header.concatenation == concatenation
    assert message.user_data.text == "Hi"


@pytest.mark.parametrize(
    ("semi_octets", "text"),
    [
        ("0B916407281553F8", "+46708251358"),
        ("05811080F6", "01086"),
        ("0491A1BC", "+1*a#"),
        ("0081", ""),
        ("0091", ""),
    ],
)
def test_addresses(semi_octets: str, text: str) -> None:
    assert take_address(OctetReader(bytes.fromhex(semi_octets))) == Address(text)


@given(number=NUMBERS)
@settings(max_examples=60, deadline=None)
def test_numbers_both_ways(number: str) -> None:
    assert take_address(OctetReader(encode_number(number))) == Address(number)


@pytest.mark.parametrize("number", ["", "+", "1" * 21, "12a", "++1", "1;2", "١٢٣", "MY BANK"])
def test_what_is_no_number_is_no_address(number: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_number(number)


@pytest.mark.parametrize(
    ("octets", "at"),
    [
        ("11203151307480", datetime(2011, 2, 13, 13, 3, 47, tzinfo=UTC)),
        ("1120315130740A", datetime(2011, 2, 13, 20, 3, 47, tzinfo=UTC)),
        ("00000000000000", None),
        ("1120315130FF80", None),
        ("112031513074FF", None),
        ("99212332959500", None),
    ],
)
def test_times(octets: str, at: datetime | None) -> None:
    assert take_timestamp(OctetReader(bytes.fromhex(octets))) == at


def test_status_report() -> None:
    report = decode_status_report(
        "0891683108200505F0" + "06" + "2A" + "0D91683108000000F1" + "62116131025023" + "62116131125023" + "00"
    )
    assert (report.reference, report.recipient) == (42, Address(NUMBER))
    assert (report.state, report.status) == (DeliveryState.DELIVERED, 0)
    assert report.at is not None
    assert report.sent_at is not None
    assert (report.at - report.sent_at).total_seconds() == 60


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0x00, DeliveryState.DELIVERED),
        (0x01, DeliveryState.FORWARDED),
        (0x02, DeliveryState.REPLACED),
        (0x20, DeliveryState.PENDING),
        (0x3F, DeliveryState.PENDING),
        (0x41, DeliveryState.FAILED),
        (0x65, DeliveryState.FAILED),
        (0xFF, DeliveryState.FAILED),
    ],
)
def test_what_a_status_means(status: int, state: DeliveryState) -> None:
    assert read_status(status) is state


@pytest.mark.parametrize(
    "pdu",
    [
        "",
        "0",
        "zz",
        "00",
        "0001",
        "07917283",
        "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD",
        "07917283010010F504FFC87238880900F1",
        "00" * 300,
    ],
)
def test_malformed(pdu: str) -> None:
    for decode in (decode_deliver, decode_submit, decode_status_report):
        with pytest.raises(MalformedPduError):
            decode(pdu)


def test_a_text_beyond_255_parts_is_refused() -> None:
    assert len(split_text("a" * 153 * 255, reference=1)) == 255
    with pytest.raises(LocalProtocolError, match="256 parts"):
        split_text("a" * (153 * 255 + 1), reference=1)
    with pytest.raises(LocalProtocolError):
        encode_submit(
            Submit(destination=Address("10086"), user_data=UserData(alphabet=Alphabet.GSM7, text="a" * 161))
        )
    with pytest.raises(LocalProtocolError):
        encode_submit(
            Submit(destination=Address("10086"), user_data=UserData(alphabet=Alphabet.GSM7, text="费"))
        )


def part_of(text: str, reference: int, total: int, number: int, *, sender: str = NUMBER) -> Deliver:
    place = Concatenation(reference=reference, is_wide=False, total=total, number=number)
    return Deliver(
        sender=Address(sender),
        sent_at=None,
        message_class=None,
        user_data=UserData(alphabet=Alphabet.UCS2, text=text, header=Header(concatenation=place)),
    )


def test_parts_of_two_senders_do_not_mix_and_doubles_are_kept_track_of() -> None:
    reassembly: Reassembly[int] = Reassembly()
    assert reassembly.add(part_of("b", 1, 2, 2), 10, 0.0) == []
    assert reassembly.add(part_of("x", 1, 2, 1, sender="+1"), 11, 0.0) == []
    assert reassembly.add(part_of("b", 1, 2, 2), 12, 0.0) == []
    assert reassembly.tokens == [10, 12, 11]
    (whole,) = reassembly.add(part_of("a", 1, 2, 1), 13, 0.0)
    assert (whole.text, whole.tokens, whole.n_missing) == ("ab", (13, 10, 12), 0)


def test_an_emoji_cut_between_two_parts_is_one_again() -> None:
    reassembly: Reassembly[int] = Reassembly()
    halves = "👍".encode("utf-16-be")
    high, low = (half.decode("utf-16-be", "surrogatepass") for half in (halves[:2], halves[2:]))
    reassembly.add(part_of("ok " + high, 1, 2, 1), 1, 0.0)
    (whole,) = reassembly.add(part_of(low + "!", 1, 2, 2), 2, 0.0)
    assert whole.text == "ok 👍!"


def test_what_never_becomes_whole_is_given_up_with_its_gaps_and_in_bounds() -> None:
    reassembly: Reassembly[int] = Reassembly()
    reassembly.add(part_of("a", 1, 3, 1), 1, 0.0)
    reassembly.add(part_of("c", 1, 3, 3), 2, 50.0)
    assert reassembly.give_up_old(99.0, max_age_s=100) == []
    (gone,) = reassembly.give_up_old(100.0, max_age_s=100)
    assert (gone.text, gone.n_missing, gone.tokens) == ("a…c", 1, (1, 2))
    given_up = [each for n in range(200) for each in reassembly.add(part_of("p", n, 2, 1), n, float(n))]
    assert len(given_up) == 200 - MAX_UNFINISHED
    assert [each.tokens[0] for each in given_up] == sorted(each.tokens[0] for each in given_up)
    assert all(later >= earlier for earlier, later in pairwise(reassembly.tokens))
