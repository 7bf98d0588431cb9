"""A page that needs nothing but itself, as PDF with its letters in it: what is filed and sent looks everywhere as it does here."""

import logging
import shutil
import subprocess
from pathlib import Path

from console.errors import ConsoleError
from console.private_files import replace_private

INSTALL = (
    "pip install 'branchline[pdf]', and on Debian: "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"
)
LETTERS = {"zh": "zh-cn", "en": "en"}
"""What fontconfig calls a language's letters."""


def write_pdf(target: Path, page: str, *, language: str) -> None:
    """Write a page of `html_page` as PDF, the owner's alone. Raises ConsoleError."""
    try:
        from weasyprint import HTML  # noqa: PLC0415 - optional, and starts slowly
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except (ImportError, OSError):  # OSError: it is there, and what it draws letters with is not
        raise ConsoleError(f"a PDF needs WeasyPrint and Pango; {INSTALL}; or print the --out page") from None
    _require_letters(language)
    logging.getLogger("weasyprint").setLevel(
        logging.ERROR
    )  # tells of style for screens, which it need not know
    made = HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf()
    try:
        replace_private(target.absolute(), made)
    except OSError as error:
        raise ConsoleError(f"{target}: {error.strerror}; name a file that can be written") from None


def _require_letters(language: str) -> None:
    """Raise ConsoleError where nothing here has the language's letters: they would be empty boxes on paper."""
    ask = shutil.which("fc-list")
    if ask is None:
        return
    found = subprocess.run(
        [ask, f":lang={LETTERS[language]}", "family"], capture_output=True, check=False, timeout=60
    )
    if found.returncode == 0 and not found.stdout.strip():
        raise ConsoleError(f"no font here has the letters of {language}; apt-get install fonts-noto-cjk")
