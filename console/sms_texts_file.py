"""The texts of a campaign, a TOML file: read, checked against the flow as the box will, and counted in messages."""

import tomllib
from pathlib import Path

import msgspec

from console.errors import CampaignError
from firmware.dialogue.flow import Flow
from firmware.sync.messages_sms import SmsTexts
from firmware.texts.catalogue import Catalogue, CatalogueError, check_texts, read_catalogue


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    sender: str | dict[str, str]
    """One name for all languages, or one for each."""
    text: dict[str, dict[str, str]]
    per_person: int = 1
    valid_hours: int = 24


class TextLine(msgspec.Struct, kw_only=True, frozen=True):
    """What one wording costs, with values of usual length filled in."""

    text: str
    language: str
    n_parts: int
    alphabet: str
    about_debt: bool
    """It is sent after verification alone."""


def read_texts(path: Path, flow: Flow) -> SmsTexts:
    """Return the texts. Raises CampaignError, its details what is wrong with them."""
    try:
        given = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        texts = msgspec.convert(
            {
                "sender": {
                    language: given.sender for wordings in given.text.values() for language in wordings
                }
                if isinstance(given.sender, str)
                else given.sender,
                "texts": given.text,
                "per_person": given.per_person,
                "valid_hours": given.valid_hours,
            },
            SmsTexts,
        )
    except OSError as error:
        raise CampaignError(f"{path}: {error.strerror}; name an existing file of texts") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise CampaignError(f"{path}: {error}; see docs/console.md for how texts are written") from None
    try:
        problems = [problem.message for problem in check_texts(flow, catalogue_from(texts))]
    except CatalogueError as error:
        problems = error.problems
    if problems:
        raise CampaignError(
            f"{path}: the texts have {len(problems)} problem(s); mend them and push again", details=problems
        )
    return texts


def require_no_texts(flow: Flow) -> None:
    """Raise CampaignError for a flow that sends texts where the campaign brings none."""
    if problems := check_texts(flow, None):
        raise CampaignError(
            "the flow sends texts; name their file with --texts",
            details=[problem.message for problem in problems],
        )


def catalogue_from(texts: SmsTexts) -> Catalogue:
    """Return the catalogue of a manifest. Raises CatalogueError."""
    return read_catalogue(
        sender=texts.sender, texts=texts.texts, per_person=texts.per_person, valid_hours=texts.valid_hours
    )


def text_lines(texts: SmsTexts, flow: Flow) -> list[TextLine]:
    """Return what each wording costs, in the file's order."""
    catalogue = catalogue_from(texts)
    about_debt = catalogue.debt_texts(flow)
    return [
        TextLine(
            text=name,
            language=language,
            n_parts=length.n_parts,
            alphabet=length.alphabet,
            about_debt=name in about_debt,
        )
        for (name, language), length in catalogue.lengths().items()
    ]
