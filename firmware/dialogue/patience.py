"""How long a step waits for somebody who is thinking, speaking, or being understood."""

SPEAKING_S = 15.0
UNDERSTANDING_S = 3.0
SHORTEST_SPEECH_MS = 250
"""Shorter is a cough or a click."""


class Patience:
    """Deadlines for one answer: they move while somebody speaks, and never beyond a last one."""

    def __init__(self, wait_s: float) -> None:
        self.deadline_s: float | None = None
        self.listens = False
        """The question was put, and the answer is waited for."""
        self.heard = False
        """Somebody speaks, or spoke and has not been understood yet."""
        self._wait_s = wait_s
        self._latest_s = 0.0
        """However often speech starts and stops, this question is over then."""

    def asked(self) -> None:
        """Take note that the question is being put again."""
        self.listens = self.heard = False

    def listen(self, now_s: float, wait_s: float | None = None) -> None:
        """Wait for an answer from now on."""
        self.listens = True
        self.deadline_s = now_s + (self._wait_s if wait_s is None else wait_s)
        self._latest_s = self.deadline_s + SPEAKING_S

    def speaking(self, now_s: float) -> None:
        """Wait for whoever began to speak."""
        if self.listens and not self.heard:
            self.heard = True
            self._wait(now_s, SPEAKING_S)

    def cough(self, now_s: float) -> None:
        """Take back that somebody spoke."""
        self.heard = False
        self._wait(now_s, self._wait_s)

    def understanding(self, now_s: float) -> None:
        """Wait for the words of what was said."""
        self.heard = True
        self._wait(now_s, UNDERSTANDING_S)

    def _wait(self, now_s: float, more_s: float) -> None:
        self.deadline_s = min(now_s + more_s, self._latest_s)
