"""Whatever a recogniser process does, it costs the utterance it had, and the next one is answered. Real processes."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from audio.errors import (
    RecogniserBusyError,
    RecogniserDiedError,
    RecogniserError,
    RecogniserLateError,
)
from audio.listening.pool import RecogniserPool, worker_command
from audio.speech.espeak import EspeakSynthesizer

HOSTILE = Path(__file__).with_name("hostile_worker.py")
DEADLINE_S = 0.6


def pool(at_start: str = "well", *, n_workers: int = 1, most_waiting: int = 8) -> RecogniserPool:
    return RecogniserPool(
        [sys.executable, "-S", "-c", _LAUNCH, str(HOSTILE), at_start],
        n_workers=n_workers,
        deadline_s=DEADLINE_S,
        start_deadline_s=5.0,
        most_waiting=most_waiting,
        first_pause_s=0.05,
    )


_SITE = next(path for path in sys.path if path.endswith("site-packages"))
# Started without the site module: a hundred starts in a test should not take a minute.
_LAUNCH = f"import sys; sys.path.append({_SITE!r}); sys.argv = sys.argv[1:]; exec(open(sys.argv[0]).read())"


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await story()

    asyncio.run(bounded())


async def says(recognisers: RecogniserPool, what: str) -> str:
    pcm = what.encode()
    return (await recognisers.transcribe(pcm + b"\0" * (len(pcm) % 2), "en")).text


async def answers_again(recognisers: RecogniserPool) -> None:
    """Ask until there is an answer: the process is being started again."""
    async with asyncio.timeout(10):
        while True:
            await recognisers.ready()
            try:
                assert await says(recognisers, "hello") == "hello"
            except RecogniserError:
                continue
            return


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("hang", RecogniserLateError),
        ("die", RecogniserDiedError),
        ("flood", RecogniserDiedError),
        ("garbage", RecogniserDiedError),
        ("half", RecogniserDiedError),
        ("wrong id", RecogniserDiedError),
        ("too sure", RecogniserDiedError),
        ("too long", RecogniserDiedError),
    ],
)
def test_what_goes_wrong_costs_one_answer(what: str, error: type[Exception]) -> None:
    async def story() -> None:
        async with pool() as recognisers:
            await recognisers.ready()
            assert await says(recognisers, "yes") == "yes"
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(error) as told:
                await says(recognisers, what)
            assert asyncio.get_running_loop().time() - began_s <= DEADLINE_S + 0.4
            assert what not in str(told.value) or what in ("half", "die")
            await answers_again(recognisers)
            assert recognisers.report.n_restarts >= 1

    run(story)


def test_a_second_answer_to_one_question_is_found_out_by_the_next() -> None:
    async def story() -> None:
        async with pool() as recognisers:
            await recognisers.ready()
            assert await says(recognisers, "twice") == "yes"
            with pytest.raises(RecogniserDiedError):
                await says(recognisers, "hello")
            await answers_again(recognisers)

    run(story)


def test_a_refusal_is_no_reason_to_restart() -> None:
    async def story() -> None:
        async with pool() as recognisers:
            await recognisers.ready()
            with pytest.raises(RecogniserError, match="not today"):
                await says(recognisers, "refuse")
            assert await says(recognisers, "hello") == "hello"
            assert recognisers.report.n_restarts == 0

    run(story)


@pytest.mark.parametrize("at_start", ["die", "chatter"])
def test_a_process_that_never_starts_costs_every_answer_but_no_time(at_start: str) -> None:
    async def story() -> None:
        async with pool(at_start) as recognisers:
            async with asyncio.timeout(10):
                while recognisers.report.n_restarts < 2:
                    with pytest.raises(RecogniserLateError):
                        await says(recognisers, "yes")
            assert not recognisers.hears("en")
            assert recognisers.report.trouble

    run(story)


def test_one_that_hangs_holds_up_only_its_own() -> None:
    async def story() -> None:
        async with pool(n_workers=2) as recognisers:
            await recognisers.ready(2)
            stuck = asyncio.create_task(says(recognisers, "hang"))
            await asyncio.sleep(0)
            for _ in range(5):
                assert await says(recognisers, "hello") == "hello"
            with pytest.raises(RecogniserLateError):
                await stuck

    run(story)


def test_more_than_can_be_done_in_time_is_refused_at_once() -> None:
    async def story() -> None:
        async with pool(most_waiting=2) as recognisers:
            await recognisers.ready()
            busy = [asyncio.create_task(says(recognisers, "slow 0.3"))]
            await asyncio.sleep(0.05)
            busy += [asyncio.create_task(says(recognisers, "slow 0.3")) for _ in range(3)]
            told = await asyncio.gather(*busy, return_exceptions=True)
            kinds = [type(one) for one in told]
            assert kinds[0] is str
            assert kinds.count(RecogniserBusyError) == 1
            assert RecogniserLateError in kinds
            await answers_again(recognisers)

    run(story)


def test_leaving_ends_the_processes_even_deaf_ones() -> None:
    async def story() -> None:
        recognisers = pool("deaf")
        async with recognisers:
            await recognisers.ready()
            waiting = asyncio.create_task(says(recognisers, "hang"))
            await asyncio.sleep(0.1)
            children = [
                int(pid)
                for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            ]
            hostile = [
                pid for pid in children if str(HOSTILE).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
            assert hostile
        with pytest.raises(RecogniserError):
            await waiting
        assert not any(Path(f"/proc/{pid}").exists() for pid in hostile)

    run(story)


def test_a_caller_that_stops_waiting_leaves_nothing_behind() -> None:
    async def story() -> None:
        async with pool() as recognisers:
            await recognisers.ready()
            waiting = asyncio.create_task(says(recognisers, "slow 0.2"))
            await asyncio.sleep(0.05)
            waiting.cancel()
            assert await says(recognisers, "hello") == "hello"
            assert recognisers.report.n_restarts == 0

    run(story)


def test_the_real_worker_recognises_and_says_what_it_cannot() -> None:
    async def story() -> None:
        spoken = EspeakSynthesizer(words_per_minute=150).render("wrong number", "en")
        quiet = bytes(2 * 8 * 300)  # a turn in a call comes with what was before and after it
        sound = quiet + spoken.astype("<i2").tobytes() + quiet
        async with RecogniserPool(worker_command(None), n_workers=1, deadline_s=10.0) as recognisers:
            await recognisers.ready()
            assert recognisers.hears("en-GB")
            assert not recognisers.hears("zh-CN")
            found = await recognisers.transcribe(sound, "en-GB", ("yes", "no", "wrong number"))
            assert (found.text, found.engine) == ("wrong number", "pocketsphinx")
            for nonsense in (b"", b"\0" * 1600, bytes(range(256)) * 100):
                assert (await recognisers.transcribe(nonsense, "en", ("yes", "no"))).text == ""
            with pytest.raises(RecogniserError, match="zh"):
                await recognisers.transcribe(sound, "zh-CN", ("是的",))
            assert recognisers.report.n_restarts == 0

    run(story)


def test_a_worker_may_not_eat_the_boxes_memory() -> None:
    eat = "from audio.listening.worker import limit; limit(300); x = [bytearray(1 << 24) for _ in range(64)]"

    async def story() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", eat, stderr=asyncio.subprocess.PIPE
        )
        _out, told = await process.communicate()
        assert process.returncode == 1
        assert told.splitlines()[-1] == b"MemoryError"

    run(story)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_what_nobody_waits_for_is_asked_only_of_a_worker_that_nobody_needs(n_workers: int) -> None:
    async def story() -> None:
        async with pool(n_workers=n_workers) as recognisers:
            await recognisers.ready(n_workers)
            assert (await recognisers.transcribe_aside(b"hallo\0", "en-x-answer")).text == "hallo"
            needed = asyncio.create_task(says(recognisers, "hello"))
            await asyncio.sleep(0)
            with pytest.raises(RecogniserBusyError):
                await recognisers.transcribe_aside(b"hallo\0", "en-x-answer")
            assert await needed == "hello"
            assert recognisers.report.n_lost == 0  # what was not asked is not lost

    run(story)
