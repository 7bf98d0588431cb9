"""Steps that take a value: keyed or said, read back, confirmed; and those that offer a plan."""

# ruff: noqa: D102  (the methods of a step keep the contract written at Step)

from collections.abc import Callable

from firmware.dialogue.intents import ACCEPT, MARGIN
from firmware.dialogue.replies import Go, NextPlan, PlanTaken, Reply, Said, Speak
from firmware.dialogue.steps import PatientStep

BETWEEN_KEYS_S = 4.0
CONFIRM_TRIES = CHOICE_TRIES = 2
_ASKS = ("?", "？", "吗", "么")
"""To ask about a value is not to agree to it: 五百？"""
MAX_KEYS = 20


class KeyStep(PatientStep):
    """Lets the callee key digits or say a value; `read` and `hear` make a reply of them, None when they will not do."""

    def __init__(
        self,
        *,
        prompt: str,
        again: str,
        tries: int,
        wait_s: float,
        length: int | None,
        failed: str,
        read: Callable[[str], Reply],
        hear: Callable[[Said], Reply] | None = None,
        is_menu: bool = False,
    ) -> None:
        """`length` None: ended by ``#``. `is_menu`: one key chooses, so 0 and 9 keep their meaning."""
        super().__init__(wait_s)
        self._prompt, self._again, self._failed, self._read = prompt, again, Go(failed), read
        self._tries, self._length, self._hear, self._is_menu = tries, length, hear, is_menu
        self._keys = ""

    @property
    def takes_digits(self) -> bool:
        return not self._is_menu

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    def begin(self) -> Reply:
        return self._ask(self._prompt)

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self._patience.listen(now_s, BETWEEN_KEYS_S if self._keys else None)
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        if digit == "#":
            return self._judge() if self._keys else None
        if not digit.isdigit():
            return None
        self._keys += digit
        if self._patience.listens:
            self._patience.listen(now_s, BETWEEN_KEYS_S)
        return self._judge() if len(self._keys) >= (self._length or MAX_KEYS) else None

    def too_quiet(self, now_s: float) -> Reply:
        return self._judge()

    def meant(self, said: Said, now_s: float) -> Reply:
        if self._hear is None:
            return None
        reply = self._hear(said)
        if reply is not None:
            return reply
        return self._fail() if self._patience.listens and not self._keys else None

    def stray_key(self, *, ended: bool) -> str | None:
        is_data = self._length == 1 or (ended and self._length is None)
        return self._keys if len(self._keys) == 1 and not is_data else None

    def _judge(self) -> Reply:
        keys, self._keys = self._keys, ""
        if keys and (self._length is None or len(keys) == self._length):
            reply = self._read(keys)
            if reply is not None:
                return reply
        return self._fail()

    def _fail(self) -> Reply:
        self._tries -= 1
        return self._failed if self._tries <= 0 else self._ask(self._again)

    def _ask(self, prompt: str) -> Reply:
        self._keys = ""
        self._patience.asked()
        return Speak(prompt)


class ConfirmStep(PatientStep):
    """Reads something back, to the end: 1 or yes, 2 or no, and a second reading if neither comes.

    A no counts at once, a yes only when all was heard: nobody agrees to what was not read to them.
    """

    def __init__(
        self,
        prompt: str,
        *,
        yes: Reply,
        no: Reply,
        neither: Reply,
        wait_s: float,
        heard: Callable[[Said], Reply] | None = None,
        read: Reply = None,
        may_correct: bool = True,
    ) -> None:
        """`heard` makes a reply of a value that is said, `read` is that of the one read back: to say it again is a yes."""
        super().__init__(wait_s)
        self._speak, self._yes, self._no, self._neither = Speak(prompt, "none"), yes, no, neither
        self._left, self._heard, self._read, self._may_correct = CONFIRM_TRIES, heard, read, may_correct
        self._was_read = self._early_yes = False

    def begin(self) -> Reply:
        self._was_read = self._early_yes = False
        self._patience.asked()
        return self._speak

    def prompt_over(self, now_s: float, *, interrupted: bool) -> Reply:
        self._was_read = not interrupted
        if self._early_yes and self._was_read:
            return self._yes
        self._patience.listen(now_s)
        return None

    def key(self, digit: str, now_s: float) -> Reply:
        if digit == "2":
            return self._no
        if digit == "1":
            return self._agreed()
        return self._unclear() if self._was_read and digit.isdigit() else None

    def too_quiet(self, now_s: float) -> Reply:
        return self._unclear()

    def meant(self, said: Said, now_s: float) -> Reply:
        affirmed, denied = yes_and_no(said)
        agrees = affirmed >= ACCEPT and denied < affirmed - MARGIN
        if self._heard is not None and (value := self._heard(said)) is not None:
            # 是四百 after 五百 is no yes, whatever it begins with: it is read back before it counts.
            if value != self._read and self._may_correct:
                return value
            if value == self._read and denied < ACCEPT and not said.text.rstrip().endswith(_ASKS):
                return self._agreed()
        if denied >= ACCEPT:
            return self._no
        if agrees:
            return self._agreed()
        return self._unclear() if self._was_read else None

    def _agreed(self) -> Reply:
        self._early_yes = not self._was_read
        return self._yes if self._was_read else None

    def _unclear(self) -> Reply:
        self._left -= 1
        return self._neither if self._left <= 0 else self.begin()


class ChoiceStep(PatientStep):
    """Asks what 1 answers as a yes and 2 as a no; neither asks once more, and then there is no answer."""

    def __init__(self, speak: Speak, *, yes: Reply, no: Reply, neither: Reply, wait_s: float) -> None:
        super().__init__(wait_s)
        self._speak, self._yes, self._no, self._neither = speak, yes, no, neither
        self._left = CHOICE_TRIES

    def begin(self) -> Reply:
        self._patience.asked()
        return self._speak

    def key(self, digit: str, now_s: float) -> Reply:
        if digit in "12":
            return self._yes if digit == "1" else self._no
        return self._unclear() if digit.isdigit() else None

    def too_quiet(self, now_s: float) -> Reply:
        return self._unclear()

    def not_understood(self, now_s: float) -> Reply:
        return self._unclear()

    def _unclear(self) -> Reply:
        self._left -= 1
        return self._neither if self._left <= 0 else self.begin()


class OfferStep(ChoiceStep):
    """Offers one plan: a yes takes it, a no asks for the next one."""

    def __init__(self, prompt: str, *, failed: str, wait_s: float) -> None:
        super().__init__(Speak(prompt), yes=PlanTaken(), no=NextPlan(), neither=Go(failed), wait_s=wait_s)

    def meant(self, said: Said, now_s: float) -> Reply:
        affirmed, denied = yes_and_no(said)
        affirmed = max(affirmed, said.intents.get("promise_to_pay", 0.0))
        denied = max(denied, *(said.intents.get(name, 0.0) for name in ("hardship", "refuse_to_pay")))
        if denied >= ACCEPT:
            return self._no
        if affirmed >= ACCEPT and denied < affirmed - MARGIN:
            return self._yes
        return self._unclear() if self._patience.listens else None


def yes_and_no(said: Said) -> tuple[float, float]:
    """Return how sure a yes and a no are, whichever way they were told."""
    yes, no = said.intents.get("affirm", 0.0), said.intents.get("deny", 0.0)
    if said.slots.is_yes is not None and max(yes, no) < ACCEPT:
        return (1.0, 0.0) if said.slots.is_yes else (0.0, 1.0)
    return yes, no
