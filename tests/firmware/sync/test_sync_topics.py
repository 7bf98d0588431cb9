"""Topic names and filters."""

import pytest

from firmware.sync.topics import BoxTopics, InvalidNameError, split_down, split_up, topic_matches, up_filter

TOPICS = BoxTopics("acme", "box-1")


@pytest.mark.parametrize(
    ("wanted", "given", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/b/c", "a/b", False),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        (up_filter("acme"), TOPICS.up("outcome"), True),
        (up_filter("other"), TOPICS.up("outcome"), False),
        (up_filter("acme"), TOPICS.down("control"), False),
        (TOPICS.subscriptions()[0], TOPICS.contacts("c1"), True),
        (TOPICS.subscriptions()[0], BoxTopics("acme", "box-2").contacts("c1"), False),
        (TOPICS.subscriptions()[1], "branchline/1/acme/all/down/suppress", True),
    ],
)
def test_filters(wanted: str, given: str, matches: bool) -> None:
    assert topic_matches(wanted, given) is matches


def test_topics_split_into_what_they_were_made_of() -> None:
    assert split_down(TOPICS.campaign("c1")) == ("acme", "box-1", "campaign/c1")
    assert split_up(TOPICS.up("ack")) == ("acme", "box-1", "ack")
    assert split_up(TOPICS.campaign("c1")) is None
    assert split_down("branchline/2/acme/box-1/down/control") is None


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "$x", "ü", "a" * 65, "a\0b", "-a"])
def test_a_name_that_could_reach_another_topic_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        BoxTopics("acme", name)
    with pytest.raises(InvalidNameError):
        TOPICS.campaign(name)


def test_a_box_cannot_be_called_all() -> None:
    with pytest.raises(InvalidNameError):
        BoxTopics("acme", "all")
