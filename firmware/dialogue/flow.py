"""A conversation as data: what `loader` reads, `checks` proves and `machine` walks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from firmware.dialogue.contact import ContactReading
from firmware.dialogue.errors import ContactRefusedError
from firmware.dialogue.nodes import DEBT_ROLE, Anytime, CaptureKind, LanguageNode, Node, Prompt, Switch
from firmware.dialogue.variables import DEBT_SLOTS, ContactVars, Position, VarType
from firmware.dialogue.wording import debt_word


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One conversation, in every language it is offered in."""

    name: str
    version: int
    languages: tuple[str, ...]
    vars: Mapping[str, VarType]
    prompts: Mapping[str, Prompt]
    nodes: Mapping[str, Node]
    """By id; a node written inline has its parent's id, a dot, and its place."""
    anytime: Mapping[str, Anytime]
    """Intent name to what it does in every node after the opening."""
    start: str
    neutral: str
    """The prompt with which the machine itself ends a call: of no debt, true at any time."""
    on_machine: str | None = None
    """The message node for an answering machine; None: leave none."""
    captures: Mapping[str, CaptureKind] = field(default_factory=dict)
    """Slot to what is keyed into it."""
    digest: str = ""
    """SHA-256 of the document's UTF-8 text, hex."""
    at: Position = field(default=Position(), compare=False)

    @property
    def late(self) -> frozenset[str]:
        """Return the slots that are known only during the call."""
        return frozenset(self.captures) | DEBT_SLOTS

    @cached_property
    def optional(self) -> frozenset[str]:
        """Return the vars that a contact may lack."""
        return frozenset(name for name, type_ in self.vars.items() if type_.optional)

    @cached_property
    def changes_language(self) -> bool:
        """Return whether a call may go on in another language than it began in."""
        handlers = any(isinstance(handler, Switch) for handler in self.anytime.values())
        return len(self.languages) > 1 and (
            handlers or any(isinstance(node, LanguageNode) for node in self.nodes.values())
        )

    @cached_property
    def debt_prompts(self) -> Mapping[str, str]:
        """Return the prompts that speak of the debt, each with the reason why it counts as one.

        A declared role, a debt var or a promise suffices; so does a word that names a debt, so that an author
        who forgets to mark a prompt does not thereby make it harmless.
        """
        reasons = ((prompt.id, self.debt_reason(prompt)) for prompt in self.prompts.values())
        return {prompt: reason for prompt, reason in reasons if reason is not None}

    def debt_reason(self, prompt: Prompt) -> str | None:
        """Return why a wording counts as one about the debt, None: anybody may hear or read it."""
        if DEBT_ROLE in prompt.roles:
            return "its role is debt"
        for name in sorted(prompt.names):
            if name in DEBT_SLOTS or (name in self.vars and self.vars[name].debt):
                return f"it speaks {{{name}}}"
            if self.captures.get(name) is CaptureKind.AMOUNT:
                return f"it speaks the amount {{{name}}}"
        for language, template in prompt.texts.items():
            if word := debt_word(template.literal):
                return f"its {language} wording says {word!r}"
        return None

    @cached_property
    def spoken_names(self) -> frozenset[str]:
        """Return what any prompt speaks: vars and slots."""
        return frozenset().union(*(prompt.names for prompt in self.prompts.values()))

    @cached_property
    def names_heard_by_anyone(self) -> frozenset[str]:
        """Return what is spoken in prompts that whoever picks up may hear."""
        harmless = (prompt for prompt in self.prompts.values() if prompt.id not in self.debt_prompts)
        return frozenset().union(*(prompt.names for prompt in harmless))

    def resolve_language(self, language: str) -> str | None:
        """Return the flow's language for a BCP 47 tag (``en-GB`` is served by ``en``), None without one."""
        tag = {"zh": "zh-CN", "zh-Hans": "zh-CN", "zh-Hans-CN": "zh-CN"}.get(language, language)
        while tag not in self.languages and "-" in tag:
            tag = tag.rpartition("-")[0]
        return tag if tag in self.languages else None

    def check_vars(self, vars: Mapping[str, object], language: str) -> ContactVars:
        """Return a contact's values, typed and speakable. Raises ContactRefusedError.

        `vars` is decoded JSON: money as ``{"minor": …, "currency": …}``, dates as ``YYYY-MM-DD``, the rest
        as strings.
        """
        resolved = self.resolve_language(language)
        if resolved is None:
            raise ContactRefusedError(
                "language_not_offered",
                "language",
                "the flow does not offer this contact's language: add its wordings",
            )
        return self._readings[resolved].read(vars)

    @cached_property
    def _readings(self) -> Mapping[str, ContactReading]:
        return {
            language: ContactReading(
                self.vars,
                language,
                spoken=self.spoken_names,
                heard_by_anyone=self.names_heard_by_anyone,
                other_languages=tuple(tag for tag in self.languages if tag != language)
                if self.changes_language
                else (),
            )
            for language in self.languages
        }
