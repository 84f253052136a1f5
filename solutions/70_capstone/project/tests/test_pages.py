"""The page asks the service and shows its answer, and says a sentence when it is away. So does the Space, with its own model."""

import shutil

import httpx
import pytest
from fastapi.testclient import TestClient
from streamlit.testing.v1 import AppTest

import service
import settings as project
from settings import ROOT


@pytest.fixture
def page():
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=20)


def test_the_page_asks_the_service(page, served, monkeypatch):
    client = TestClient(service.make_app(project.load(), served))
    monkeypatch.setattr(httpx, "request", lambda method, url, **o: client.request(method, url, json=o.get("json")))
    page.run()
    assert not page.exception and len(page.number_input) == len(page.selectbox) == len(page.checkbox) == 1
    page.button[0].click().run()
    assert not page.exception and page.metric[0].value.endswith("%") and "version" in page.caption[0].value


def test_the_page_says_when_the_service_is_away(page, monkeypatch):
    def away(*_, **__):
        raise httpx.ConnectError("nobody is there")

    monkeypatch.setattr(httpx, "request", away)
    page.run()
    assert not page.exception and "does not answer" in page.error[0].value


def test_the_space_runs_alone(served, tmp_path, monkeypatch):
    for name in ("predictor.py", "schema.py", "form.py", "space/app.py"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(served / "1", tmp_path / "model", ignore=shutil.ignore_patterns("reference.json"))
    monkeypatch.chdir(tmp_path)
    space = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=20).run()
    assert not space.exception
    space.button[0].click().run()
    assert not space.exception and space.metric[0].value.endswith("%")
