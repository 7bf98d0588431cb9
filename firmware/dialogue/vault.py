"""The one place that holds what third parties must never hear, and the one that opens it."""

from collections.abc import Mapping
from dataclasses import replace

from firmware.dialogue.errors import DebtLockedError
from firmware.dialogue.flow import Flow
from firmware.dialogue.nodes import Prompt
from firmware.dialogue.script import Script
from firmware.dialogue.variables import Value

MAX_WRONG_KEYS = 3
"""Wrong tries at a secret in one call, over all its nodes: four digits must not be guessed by going round."""


class DebtVault:
    """Gives out the words of prompts: those about the debt only once verified *and* permitted.

    The dialogue has no other way to words: it never holds the contact's values, the script or the secret.
    So a flow that escaped the checks, or a fault in the machine, ends in `DebtLockedError`, not in a
    stranger's ear.
    """

    def __init__(self, flow: Flow, script: Script) -> None:
        self._flow = flow
        self._script = script
        self._wrong = 0
        self._verified = False
        self._permitted = False

    @property
    def is_verified(self) -> bool:
        """Return whether the right secret was keyed."""
        return self._verified

    @property
    def is_open(self) -> bool:
        """Return whether the debt may be spoken of."""
        return self._verified and self._permitted

    def try_secret(self, var: str, keyed: str) -> bool:
        """Return whether `keyed` is the contact's secret; after too many wrong ones nothing is."""
        secret = self._script.contact.values.get(var)
        if not self._flow.vars[var].secret or not secret or self._wrong >= MAX_WRONG_KEYS:
            return False
        if keyed != secret:
            self._wrong += 1
            return False
        self._verified = True
        return True

    def permit(self, *, allowed: bool) -> None:
        """Take the gate's answer. A later no closes the vault; a yes to somebody unverified opens nothing."""
        self._permitted = allowed

    def words(self, prompt: Prompt, slots: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the phrases of a prompt. Raises DebtLockedError."""
        if prompt.id in self._flow.debt_prompts and not self.is_open:
            raise DebtLockedError(prompt.id)
        return self._script.phrases(prompt, slots)

    @property
    def language(self) -> str:
        """Return the language that words are in."""
        return self._script.language

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages this call can be held in, the present one first."""
        contact = self._script.contact
        others = (contact.language, *contact.also) if self._flow.changes_language else ()
        return tuple(dict.fromkeys((self._script.language, *others)))

    def speak_language(self, language: str) -> bool:
        """Give out words in another language from now on; False: not everything can be said in it."""
        if language not in self.languages:
            return False
        self._script = replace(self._script, language=language)
        return True

    def vocabulary(self, language: str | None = None) -> frozenset[str]:
        """Return every phrase of every prompt, in no order: what to render before dialling."""
        script = self._script if language is None else replace(self._script, language=language)
        return frozenset().union(*map(script.possible_phrases, self._flow.prompts.values()))

    def value(self, name: str) -> Value | None:
        """Return a var to branch on or to reckon with; of the debt only when open, a secret never; None: unknown."""
        type_ = self._flow.vars.get(name)
        if type_ is None or type_.secret or (type_.debt and not self.is_open):
            return None
        return self._script.contact.values.get(name)
