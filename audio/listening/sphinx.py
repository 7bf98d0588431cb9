"""Start PocketSphinx's decoder, with the American English sounds that come with it and words of the caller's choosing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from audio.errors import RecogniserError


def sphinx_decoder(
    words: Path | None, add_searches: Callable[[Any, Path], None], *, means: Path | None = None
) -> Any:
    """Return a decoder that knows `words` (None: the dictionary that comes with it) and what `add_searches` adds.

    That is given the decoder and the folder of the English models. `means`: what phones sound like instead (the means
    of the acoustic model's Gaussians, in its own format). Raises RecogniserError.
    """
    try:
        import pocketsphinx
    except ImportError as error:
        raise RecogniserError(f"PocketSphinx is not installed ({error}): pip install pocketsphinx") from None
    folder = Path(pocketsphinx.get_model_path()) / "en-us"
    try:
        decoder: Any = pocketsphinx.Decoder(
            hmm=str(folder / "en-us"),
            dict=str(words or folder / "cmudict-en-us.dict"),
            lm=None,
            loglevel="FATAL",
            **({} if means is None else {"mean": str(means)}),
        )
        add_searches(decoder, folder)
    except RuntimeError as error:
        raise RecogniserError(f"PocketSphinx does not start ({error}): reinstall pocketsphinx") from None
    return decoder
