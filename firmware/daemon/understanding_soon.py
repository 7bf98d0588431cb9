"""What calls are understood by, read when the box serves already: it is a third of the start, and no call is up yet."""

from datetime import date

from firmware.calls.listening import Understands, Understood
from firmware.dialogue.slots import Asked


class UnderstanderSoon:
    """Understands like firmware.dialogue.understanding, which is loaded when that is asked for, or when the first text comes."""

    def __init__(self) -> None:
        self._loaded: Understands | None = None

    def load(self) -> Understands:
        """Read models and rules, once."""
        if self._loaded is None:
            # 3 MB that a box without recognition has no use for.
            from firmware.dialogue.understanding.understander import Understander  # noqa: PLC0415

            self._loaded = Understander.load()
        return self._loaded

    def understand(
        self, text: str, *, language: str, asked: Asked, today: date, after_node: str = ""
    ) -> Understood:
        """Return the meaning of `text`, said when `asked` was asked."""
        return self.load().understand(
            text, language=language, asked=asked, today=today, after_node=after_node
        )
