"""Messages in flow: what counts as sent is the unbroken run of confirmations, however they come."""

import random
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.sync.buffered_link import BufferedLink
from firmware.sync.sending import Answers


@given(order=st.permutations(range(1, 13)), failed=st.sets(st.integers(1, 12)))
def test_the_run_ends_at_the_first_failure_whatever_the_order_of_answers(
    order: list[int], failed: set[int]
) -> None:
    answers = Answers(lambda: None)
    for token in range(1, 13):
        answers.expect(token)
    for n_answered, token in enumerate(order, 1):
        answers.settle(token, ValueError(str(token)) if token in failed else None)
        assert answers.n_open == 12 - n_answered
        heard = set(order[:n_answered])
        run = next(n for n in range(13) if n + 1 not in heard - failed or n == 12)
        assert answers.n_confirmed == run
    assert str(answers.failure) == str(min(failed, default=None))


def test_a_link_that_breaks_fails_what_has_no_answer_and_keeps_what_has() -> None:
    n_told = 0

    def tell() -> None:
        nonlocal n_told
        n_told += 1

    answers = Answers(tell)
    for token in (1, 2, 3):
        answers.expect(token)
    answers.settle(1, None)
    answers.settle(3, None)
    answers.refuse(ValueError("too large"))
    answers.break_off(ConnectionError("gone"))
    assert (answers.n_confirmed, answers.n_open, n_told) == (1, 0, 1)
    assert isinstance(answers.failure, ConnectionError)


class Wire:
    """A socket that takes and gives as many bytes as it likes, and blocks now and then."""

    def __init__(self, incoming: bytes, seed: int, *, is_tls: bool) -> None:
        self.incoming = incoming
        self.sent = b""
        self._random = random.Random(seed)
        self._block = ssl.SSLWantWriteError if is_tls else BlockingIOError

    def send(self, data: bytes) -> int:
        taken = self._random.randrange(0, len(data) + 1)
        if not taken:
            raise self._block
        self.sent += data[:taken]
        return taken

    def recv(self, size: int) -> bytes:
        taken = self._random.randrange(0, min(size, len(self.incoming)) + 1)
        if not taken and self.incoming:
            raise BlockingIOError
        found, self.incoming = self.incoming[:taken], self.incoming[taken:]
        return found


@pytest.mark.parametrize("is_tls", [False, True])
@given(
    pieces=st.lists(st.binary(max_size=40), max_size=20), seed=st.integers(0, 1000), step=st.integers(1, 9)
)
def test_bytes_pass_a_gathering_link_whole_and_in_order(
    is_tls: bool, pieces: list[bytes], seed: int, step: int
) -> None:
    wire = Wire(b"".join(pieces), seed, is_tls=is_tls)
    link = BufferedLink(wire)
    read = b""
    while True:
        try:
            found = link.recv(step)
        except BlockingIOError:
            continue
        if not found:
            break
        assert len(found) <= step
        read += found
    for piece in pieces:
        assert link.send(piece) == len(piece)
        link.flush()
    while link.wants_write:
        link.flush()
    assert read == b"".join(pieces) == wire.sent


def test_a_link_that_takes_nothing_does_not_gather_for_ever() -> None:
    class Stuck:
        def send(self, _data: bytes) -> int:
            raise BlockingIOError

    link = BufferedLink(Stuck())
    assert [link.send(b"x" * 60_000) for _ in range(2)] == [60_000, 60_000]
    with pytest.raises(BlockingIOError):
        link.send(b"x")
