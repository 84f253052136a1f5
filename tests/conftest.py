"""What every test shares: the learner's own progress is never touched, and an absent system part is named."""

import os

import pytest

# Two workers share the machine's cores: scikit-learn's threads would only wait for each other, many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything below imports it

from helpers.course import extras, install
from tests.answers_report import pytest_runtest_logreport, pytest_terminal_summary  # noqa: F401  (pytest finds them by name)


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path_factory):
    """A test that answers questions does it as a learner of its own."""
    monkeypatch.setenv("WORKBOOK_DATA", str(tmp_path_factory.mktemp("learner")))


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        parts = [name for name in marker.args if name not in extras.EXTRAS]
        absent = {name: install.install_command(name) for name in install.absent_system_parts(parts)}
        absent |= {name: f"python -m helpers install {name}" for name in set(marker.args) - set(parts) if not extras.find(name)}
        for name, command in absent.items():
            message = f"{name} is absent; install it by: {command}"
            if os.environ.get("CI") == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
