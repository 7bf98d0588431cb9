"""What every test starts from: a machine without fetched models, whatever this one has, and examples that are the same each time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

# A commit is judged by the same examples wherever it is tested, and not by how busy that machine is. To look for new
# ones: `./branchline test --hypothesis-profile=explore tests/ROOM`.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile("same")


@pytest.fixture(autouse=True, scope="session")
def no_fetched_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Have the default folder of models be an empty one, for child processes too."""
    folder = tmp_path_factory.mktemp("no-models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRANCHLINE_MODELS", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Undo what a command line that ran in this process made of the log."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
