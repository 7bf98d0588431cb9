"""Reading packs: what ships is sound, and a mistake in a file is named where it stands."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from firmware.compliance import PackError, PackLibrary, load_packs
from firmware.compliance.merge import merge, policy_of
from firmware.compliance.pack import Pack, read_pack

GOOD = """
schema = 1
[pack]
id = "test"
version = 1
title = "test"
layer = "tenant"
status = "published"
effective_from = 2026-01-01
review_by = 2027-01-01
[[citation]]
rule = "r"
force = "product"
source = "s"
checked = 2026-11-21
confidence = "product"
"""


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        pytest.param("[time]\nwindow = []", "unknown field `window`", id="misspelt key"),
        pytest.param("[times]\n", "unknown field `times`", id="misspelt table"),
        pytest.param("[gate]\nautomation = 'maybe'", r"\$.gate.automation", id="unknown word"),
        pytest.param("[time]\nend_guard_s = -1", r"\$.time.end_guard_s", id="negative"),
        pytest.param(
            "[time]\nwindows = [{ days = ['mon'], start = '22:00', end = '08:00' }]",
            "quiet_hours",
            id="over midnight",
        ),
        pytest.param(
            "[time]\nwindows = [{ days = ['mon'], start = '25:00', end = '26:00' }]", "start", id="25 h"
        ),
        pytest.param(
            "[time]\nwindows = [{ days = ['monday'], start = '08:00', end = '09:00' }]", "days", id="day"
        ),
        pytest.param(
            "[[limit]]\nid = 'a'\ncount = 'attempt'\nper = 'person'\nwindow = 'days:7'\nmax = 1",
            r"\$.limit\[0\].window",
            id="unit of a limit",
        ),
        pytest.param(
            2 * "[[limit]]\nid = 'a'\ncount = 'attempt'\nper = 'person'\nwindow = 'week:mon'\nmax = 1\n",
            "two limits have the same id",
            id="two limits with one id",
        ),
        pytest.param("[cooldown]\nid = 'a'", "cooldown", id="table instead of a list"),
        pytest.param("not toml at all", "line", id="not TOML"),
        pytest.param(
            "[time]\nextra_closed_dates = ['tomorrow']", "extra_closed_dates", id="a date that is none"
        ),
    ],
)
def test_a_mistake_is_refused_by_name(rules: str, complaint: str) -> None:
    with pytest.raises(PackError, match=complaint) as refused:
        read_pack(GOOD + rules, source="test.toml")
    assert refused.value.source == "test.toml"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("version = 1", "version = 0", "version"),
        ('layer = "tenant"', 'layer = "jurisdiction"', "needs a jurisdiction"),
        ('layer = "tenant"', 'layer = "floor"\njurisdiction = ["CN"]', "has no jurisdiction"),
        ('layer = "tenant"', 'layer = "sub"\njurisdiction = ["Guangdong"]', "jurisdiction"),
        ("review_by = 2027-01-01", "review_by = 2025-01-01", "review_by"),
        ("[[citation]]", "[[citations]]", "citation"),
    ],
)
def test_a_head_must_be_sound(old: str, new: str, complaint: str) -> None:
    assert read_pack(GOOD, source="good").pack.name == "test@1"
    with pytest.raises(PackError, match=complaint):
        read_pack(GOOD.replace(old, new), source="bad")


def test_a_pack_must_cite_something() -> None:
    with pytest.raises(PackError, match="citation"):
        read_pack(GOOD[: GOOD.index("[[citation]]")], source="bare")


class TestShippedPacks:
    """The floor, China and the United Kingdom as they ship."""

    def test_they_load_and_merge_pairwise_with_the_floor(self, library: PackLibrary) -> None:
        floor, *countries = sorted(library.packs, key=lambda pack: pack.pack.layer != "floor")
        assert {pack.pack.id for pack in library.packs} == {
            "floor", "cn", "hk", "tw", "gb", "eu", "de", "fr", "es", "it", "in", "mx", "ph", "ke", "ng", "co", "ca-on",
            "br", "br-sp", "br-rj", "br-es", "br-am", "br-al",
            "us", "us-ma", "us-wa", "us-ny-nyc", "us-dc", "us-wv", "us-fl", "us-all-party-recording",
        }  # fmt: skip
        for country in countries:
            policy = merge([floor, country])
            assert policy.end_guard_s >= 300
            assert policy.line_types_denied >= {"emergency", "premium_rate", "short_code"}
            assert policy.roles_before("any_content") >= {"identity", "automated"}

    @pytest.mark.parametrize(
        "prefix", ["ALL-FRQ-1", "ALL-FRQ-2", "ALL-DIS-1", "ALL-REC-1", "ALL-ABD-1", "CN-FRQ-1"]
    )
    def test_limits_and_disclosures_are_cited(self, library: PackLibrary, prefix: str) -> None:
        cited = {citation.rule for pack in library.packs for citation in pack.citation}
        assert prefix in cited

    def test_everything_that_a_pack_sets_is_cited(self, library: PackLibrary) -> None:
        assert {pack.pack.name: pack.uncited for pack in library.packs if pack.uncited} == {}

    def test_what_nothing_is_cited_for_is_found(self, make_pack: Callable[..., Pack]) -> None:
        rules = (
            '[time]\nend_guard_s = 5\n[[cooldown]]\nid = "X-1"\nafter = "refusal"\nper = "person"\ndays = 2'
        )
        assert make_pack("odd", rules).uncited == ("X-1", "time.end_guard_s")

    @pytest.mark.parametrize(
        ("pack", "figures"),
        [
            (
                "floor",
                {("day", "calendar_days:1", 2), ("24h", "rolling_s:86400", 2), ("7d", "calendar_days:7", 3),
                 ("168h", "rolling_s:604800", 3), ("gap", "rolling_s:14400", 1), ("conversation", "calendar_days:7", 1)},
            ),
            (
                "cn",
                {("1", "calendar_days:1", 3), ("2", "calendar_days:1", 6), ("24h", "rolling_s:86400", 5),
                 ("5min", "rolling_s:300", 3)},
            ),
            ("gb", set()),
        ],
    )  # fmt: skip
    def test_the_figures_are_those_of_the_rules(
        self, library: PackLibrary, pack: str, figures: set[tuple[str, str, int]]
    ) -> None:
        shipped = next(each for each in library.packs if each.pack.id == pack)
        assert {(each.id.rpartition("-")[2], each.window, each.max) for each in shipped.limit} == figures
        assert all(each.days == 4 for each in shipped.cooldown)

    def test_the_floor_says_what_the_product_promises(self, library: PackLibrary) -> None:
        floor = policy_of(next(pack for pack in library.packs if pack.pack.layer == "floor"))
        assert floor.week == (*(((540, 1140),),) * 5, ((540, 840),), ())
        assert floor.status_blocks >= {
            "paid", "disputed", "deceased", "minor", "bankrupt", "represented", "moratorium", "hospitalised", "hardship"
        }  # fmt: skip
        assert floor.optout_scope == "person_all_debts"
        assert floor.optout_dtmf == {"9"}
        assert floor.numbers_per_callee_30d == 1


class TestLibrary:
    """Which packs govern a call."""

    def test_the_highest_version_is_the_only_one_that_counts(
        self, library: PackLibrary, make_pack: Any
    ) -> None:
        newer = read_pack(GOOD.replace("version = 1", "version = 2"), source="2")
        older = read_pack(GOOD, source="1")
        for order in ([newer, older], [older, newer]):
            assert "test@2" in [pack.pack.name for pack in PackLibrary([*library.packs, *order]).packs]
            assert "test@1" not in [pack.pack.name for pack in PackLibrary([*library.packs, *order]).packs]

    def test_two_packs_may_not_share_a_name(self, library: PackLibrary) -> None:
        one, two = read_pack(GOOD, source="1"), read_pack(GOOD + "[time]\nend_guard_s = 1", source="2")
        with pytest.raises(PackError, match="two different packs"):
            PackLibrary([*library.packs, one, two])

    def test_without_a_floor_there_is_no_library(self) -> None:
        with pytest.raises(PackError, match="floor"):
            PackLibrary([read_pack(GOOD, source="1")])

    @pytest.mark.parametrize("rules", ['zones = ["Mars/Olympus"]', 'holiday_calendars = ["XX"]'])
    def test_names_nobody_knows_are_refused_at_once(
        self, library: PackLibrary, make_pack: Callable[..., Pack], rules: str
    ) -> None:
        with pytest.raises(PackError, match="time zone or holiday calendar"):
            PackLibrary([*library.packs, make_pack("odd", f"[time]\n{rules}")])

    def test_sub_packs_tenants_and_countries_add_up(self, library: PackLibrary, make_pack: Any) -> None:
        both = PackLibrary(
            [*library.packs, make_pack("cn-gd", layer="sub", places=("CN-GD",)), make_pack("bank")]
        )

        def names(*places: str) -> list[str]:
            return [pack.pack.id for pack in both.governing(places)[0]]

        assert names("CN-GD") == ["bank", "cn", "cn-gd", "floor"]
        assert names("CN-SH") == ["bank", "cn", "floor"]
        assert names("CN", "GB") == ["bank", "cn", "floor", "gb"]
        assert both.governing(["CN", "JP-13"])[1] == ("JP-13",)

    def test_a_subdivision_alone_does_not_stand_for_its_country(
        self, library: PackLibrary, make_pack: Any
    ) -> None:
        odd = PackLibrary([*library.packs, make_pack("jp-13", layer="sub", places=("JP-13",))])
        assert odd.governing(["JP-13"])[1] == ("JP-13",)

    def test_a_number_belongs_to_the_state_of_its_area_code_whatever_the_address(
        self, library: PackLibrary
    ) -> None:
        def names(number: str, *places: str) -> set[str]:
            packs, unknown = library.governing(places, number)
            return {pack.pack.id for pack in packs} | {f"?{place}" for place in unknown}

        assert names("+16175551234", "US", "US-NY-NYC") == {
            "floor", "us", "us-ma", "us-all-party-recording", "us-ny-nyc",
        }  # fmt: skip
        assert names("+14165551234", "CA") == {"floor", "ca-on"}
        assert names("+14165551234", "CA", "CA-BC") == {"floor", "ca-on", "?CA-BC"}
        assert names("+16045551234", "CA") == {"floor", "?CA"}, "there is no pack for all of Canada"
        assert names("+16045551234", "CA", "CA-ON") == {"floor", "ca-on", "?CA"}
        assert names("+5511987654321", "BR", "BR-RJ") == {"floor", "br", "br-sp", "br-rj"}


def test_the_digest_names_the_rules_and_does_not_depend_on_the_process(library: PackLibrary) -> None:
    three = [pack for pack in library.packs if pack.pack.id in ("cn", "floor", "gb")]
    policy = merge(three)
    again = [pack for pack in load_packs().packs if pack.pack.id in ("cn", "floor", "gb")]
    assert policy.digest() == merge(reversed(again)).digest()
    assert policy.digest() != merge(library.packs[:2]).digest()
    assert int(policy.digest(), 16)
    assert json.loads(json.dumps(policy.digest())) == policy.digest()
    assert policy.effective_from == date(2026, 1, 1)


def test_a_claim_that_is_not_forbidden_leaves_digests_as_they_were() -> None:
    """Whoever approved a pack before packs knew of claims approved this very pack."""
    packs = {pack.pack.id: pack for pack in load_packs().packs}
    assert packs["br-al"].digest() == "a0c7955ff7909adcdafd3b0c6b5128eb6e91e25ed2514121668de3e8ab67bb07"
    both = merge([packs["floor"], packs["de"]])
    assert both.digest() == "aec678966837cd88b0f34bb85a76d6cccaf54b288ae65b9366a9cf8e214dbad4"


@pytest.mark.parametrize(
    ("claim", "complaint"),
    [
        ("id = 'a'\nclaim = 'threatens people'", "forbids nothing"),
        ("id = 'a'\nclaim = 'threatens people'\nen = ['no']", "length"),
        ("id = 'a'\nclaim = 'x'\nen = ['arrest']", "length"),
        ("id = 'a'\nclaim = 'threatens people'\nfr = ['huissier']", "unknown field `fr`"),
    ],
)
def test_a_claim_without_words_is_refused(claim: str, complaint: str) -> None:
    with pytest.raises(PackError, match=complaint):
        read_pack(f"{GOOD}\n[[forbidden_claim]]\n{claim}\n", source="test")
