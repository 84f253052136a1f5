"""What every test shares: the learner's own progress is never touched, and an absent system part is named."""

import os

import pytest

from helpers.course import install
from tests.answers_report import pytest_runtest_logreport, pytest_terminal_summary  # noqa: F401  (pytest finds them by name)


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path_factory):
    """A test that answers questions does it as a learner of its own."""
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path_factory.mktemp("learner")))


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        for name in install.absent_system_parts(marker.args):
            message = f"{name} is absent; install it by: {install.install_command(name)}"
            if os.environ.get("CI") == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
