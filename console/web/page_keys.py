"""Where a page of a long list goes on: the last row's place in it, as text of an address."""

from flask import abort


def page_key(text: str) -> tuple[int, str, str] | None:
    """Return instant in ms, box and attempt of ``MS~BOX~ATTEMPT``, None of no text; anything else ends the request with 400."""
    if not text:
        return None
    at, _one, rest = text.partition("~")
    box, _two, attempt = rest.partition("~")
    if not (at.isascii() and at.isdigit() and len(at) < 16 and attempt):
        abort(400)
    return int(at), box, attempt


def page_key_text(at_ms: int, box: str, attempt: str) -> str:
    """Return the text that `page_key` reads."""
    return f"{at_ms}~{box}~{attempt}"
