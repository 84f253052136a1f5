"""The alerts fire when they should and are silent otherwise: Prometheus' own tests of rules, in alerts_test.yml."""

import shutil
import subprocess

import pytest

from settings import ROOT

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: it comes with Prometheus")
def test_the_alerts():
    command = [PROMTOOL, "test", "rules", str(ROOT / "tests" / "alerts_test.yml")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
