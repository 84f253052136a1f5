"""Uploaded files: each kind that is no CSV of flights gets its sentence, and cells are judged as the service judges them."""

import io
import json
import math
import time

import httpx
import numpy as np
import pandas as pd
import pytest

from helpers import flight_schema, flights, forecasts, modeling, uploads


@pytest.fixture(scope="module")
def frame():
    X, y = flights.features_and_target(flights.load(1))
    return X.assign(flight=range(len(X)), late=y).sample(300, random_state=1)


@pytest.fixture(scope="module")
def good(frame):
    return frame.to_csv(index=False).encode()


def with_cell(frame, name, text):
    """A CSV of one flight that has this text in this column; or of several."""
    texts = [text] if isinstance(text, str) else text
    one = pd.concat([frame[list(flights.FEATURES)].head(1)] * len(texts)).astype(object)
    one[name] = texts
    return one.to_csv(index=False).encode()


# --- files ----------------------------------------------------------------------------------------------------------------


def test_a_good_file_comes_back_as_it_was(frame, good):
    upload = uploads.read(good)
    checked = uploads.check(upload)
    assert checked.problems.empty and checked.good.index.tolist() == list(range(2, 302))
    assert upload.table["flight"].tolist() == frame["flight"].astype(str).tolist()
    wanted = frame[list(flights.FEATURES)].reset_index(drop=True)
    pd.testing.assert_frame_equal(checked.good.reset_index(drop=True), wanted, check_dtype=False)
    assert list(checked.good.columns) == list(flights.FEATURES)


@pytest.mark.parametrize("kind", ["path", "file", "bom", "windows lines", "spaces", "blank lines", "columns in another order"])
def test_the_same_flights_in_another_guise(kind, frame, good, tmp_path):
    text = good.decode()
    (tmp_path / "good.csv").write_bytes(good)
    guise = {
        "path": tmp_path / "good.csv",
        "file": io.BytesIO(good),
        "bom": b"\xef\xbb\xbf" + good,
        "windows lines": text.replace("\n", "\r\n").encode(),
        "spaces": text.replace(",", " , ").encode(),
        "blank lines": (text + "\n\n,,,,,,,,,,,,,,,\n").encode(),
        "columns in another order": frame[frame.columns[::-1]].to_csv(index=False).encode(),
    }[kind]
    pd.testing.assert_frame_equal(uploads.check(uploads.read(guise)).good, uploads.check(uploads.read(good)).good)


BAD = {  # what is made of a good file's text, what the sentence must say
    "semicolons": (lambda text: text.replace(",", ";"), "separated by semicolons; expected commas"),
    "tabs": (lambda text: text.replace(",", "\t"), "separated by tabs"),
    "bars": (lambda text: text.replace(",", "|"), "separated by vertical bars"),
    "missing": (lambda text: text.replace("humid", "x", 1), "lacks the column humid: add what is missing"),
    "capital": (lambda text: text.replace("temp", "Temp", 1), 'lacks the column temp: rename "Temp" to temp'),
    "misspelt": (lambda text: text.replace("wind_speed", "windspeed", 1), 'rename "windspeed" to wind_speed'),
    "no header": (lambda text: text.split("\n", 1)[1], "names none of the 14 columns"),
    "twice": (lambda text: text.replace("flight", "temp", 1), "names the column temp more than once"),
    "latin-1": (lambda text: text.replace("EWR", "Zürich", 1).encode("latin-1"), "is not UTF-8, probably Latin-1"),
    "utf-16": (lambda text: text.encode("utf-16"), "is in UTF-16"),
    "utf-16 without a mark": (lambda text: text.encode("utf-16-le"), "is in UTF-16"),
    "zero bytes": (lambda text: text.encode() + bytes(9), "holds zero bytes"),
    "nothing": (lambda text: "", "is empty"),
    "white": (lambda text: b"\xef\xbb\xbf \r\n\n", "is empty"),
    "header only": (lambda text: text.split("\n")[0], "a header and no flight"),
    "open quotation": (lambda text: text.replace("\n", '\n"', 1), "cannot be read as CSV"),
    "excel": (lambda text: b"PK\x03\x04" + bytes(50), "is an Excel workbook or a zip archive"),
    "old excel": (lambda text: b"\xd0\xcf\x11\xe0" + bytes(50), "an old Excel workbook"),
    "png": (lambda text: b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
    "parquet": (lambda text: b"PAR1" + bytes(50), "a Parquet file"),
    "pdf": (lambda text: b"%PDF-1.7 \xe9", "a PDF document"),
    "json": (lambda text: '[{"temp": 3}]', "JSON"),
    "html": (lambda text: "<!DOCTYPE html><html></html>", "a web page"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_used_gets_one_sentence(kind, good):
    make, says = BAD[kind]
    content = make(good.decode())
    with pytest.raises(uploads.UploadError) as refusal:
        uploads.read(content if isinstance(content, bytes) else content.encode())
    told = str(refusal.value)
    assert says in told and told.endswith(".") and "\n" not in told and len(told) < 300


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    from pathlib import Path

    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(200 * uploads.MB)  # takes no room on the disk
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("it was read"))
    with pytest.raises(uploads.UploadError, match="has 200 MB; at most 50 MB are taken"):
        uploads.read(large)

    class Endless(io.RawIOBase):
        def read(self, size=-1):
            assert 0 < size <= uploads.LARGEST_FILE + 1
            return bytes(size)

    with pytest.raises(uploads.UploadError, match="at most 50 MB"):
        uploads.read(Endless())


def test_too_many_flights(good, monkeypatch):
    monkeypatch.setattr(flight_schema, "MOST_ROWS", 299)
    with pytest.raises(uploads.UploadError, match="more than 299 flights"):
        uploads.read(good)


# --- cells ----------------------------------------------------------------------------------------------------------------

CELLS = [
    "", "45", "45.5", "-0.0", "+5", ".5", "5.", "1e2", "1e400", "1e39", "9" * 400, "nan", "NaN", "NA", "inf", "-inf", "1_000",
    "0x1F", "mild", "45,5", "1439", "1440", "-1", "99999", "true", "None", "null", "UA", "ua", "UNITED", "9E", "EWR", "BOS",
    "bos", "Mon", "Monday", "mon", "é", "٤٥", "=1+1", "<b>", "4 5",
]  # fmt: skip


def service_takes(name, text):
    """What the service says, asked in its own way: the text as JSON where it is a number, else as it is."""
    row = dict.fromkeys(flight_schema.BOUNDS, None) | {"departure_minute": 600, "distance": 500}
    row |= {"carrier": "UA", "origin": "EWR", "dest": "BOS", "weekday": "Mon"}
    row[name] = text
    if name in flight_schema.BOUNDS:
        try:
            row[name] = json.loads(text, parse_constant=lambda word: word) if text else None
            row[name] = text if text == "null" else row[name]  # a word, in a CSV
        except ValueError:
            row[name] = text if text not in ("+5", ".5", "5.") else float(text)
    try:
        flight_schema.read_flights(json.dumps(row).encode())
        return True
    except flight_schema.BadFlights:
        return False


@pytest.mark.parametrize("name", flights.FEATURES)
def test_each_cell_is_judged_as_the_service_judges_it(name, frame):
    checked = uploads.check(uploads.read(with_cell(frame, name, CELLS)))
    taken = [line in checked.good.index for line in range(2, 2 + len(CELLS))]
    assert dict(zip(CELLS, taken, strict=True)) == {text: service_takes(name, text) for text in CELLS}
    assert sorted([*checked.good.index, *checked.problems["line"]]) == list(range(2, 2 + len(CELLS)))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("temp", "mild", "is not a number; leave the cell empty if the value is not known"),
        ("distance", "far", "is not a number"),
        ("temp", "45,5", "has a decimal comma; write a decimal point"),
        ("departure_minute", "1500", "must be 0 to 1439 minutes after midnight"),
        ("pressure", "1e400", "must be 900 to 1100 hPa"),
        ("origin", "BOS", "must be one of EWR, JFK, LGA"),
        ("weekday", "Monday", "must be one of Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("carrier", "UNITED", "must be two capital letters or digits, such as UA"),
        ("dest", "", "is empty; a value is needed"),
        ("distance", "", "is empty; a value is needed"),
    ],
)
def test_a_problem_says_what_is_wrong(name, text, problem, frame):
    assert uploads.check(uploads.read(with_cell(frame, name, text))).problems.to_dict("records") == [
        {"line": 2, "column": name, "came": text, "problem": problem}
    ]


def test_problems_name_the_line_in_the_file(frame):
    X = frame[list(flights.FEATURES)].head(3).assign(note="short").astype(object)
    X.iloc[1, 2], X.iloc[2, 0] = "mild", -5
    header, first, second, third = X.to_csv(index=False).splitlines()
    first = first.replace("short", '"one, ""two""\nlines"')  # takes lines 2 and 3
    upload = uploads.read("\n".join([header, first, second, "", "1,2,3", third]).encode())
    checked = uploads.check(upload)
    assert checked.problems[["line", "column", "came"]].values.tolist() == [
        [4, "temp", "mild"],
        [6, "", "3 cells"],
        [7, "departure_minute", "-5"],
    ]
    assert checked.problems["problem"][1] == "the header has 15 cells"
    assert checked.good.index.tolist() == [3] and upload.table["note"].iloc[0] == 'one, "two"\nlines'


def test_fifty_thousand_rows_take_about_a_second(frame):
    many = frame.sample(50_000, replace=True, random_state=2).astype({"temp": object})
    many["temp"] = [f"x{number}" for number in range(len(many))]
    content = many.to_csv(index=False).encode()
    began = time.perf_counter()
    checked = uploads.check(uploads.read(content))
    assert len(checked.problems) == 50_000
    assert time.perf_counter() - began < 5  # 0.6 s on a quiet machine


# --- forecasts ------------------------------------------------------------------------------------------------------------


def test_the_threshold_is_the_models():
    assert forecasts.THRESHOLD == modeling.THRESHOLD


class Api:
    """Answers in the service's stead, to try what it seldom does."""

    def __init__(self, monkeypatch, answer):
        self.asked = []

        def post(url, content, **options):
            self.asked.append((url, json.loads(content)))
            assert options["trust_env"] is False and options["timeout"]
            if isinstance(answer, Exception):
                raise answer
            return answer(self.asked[-1][1])

        monkeypatch.setattr(httpx, "post", post)


def half(columns):
    return httpx.Response(200, json={"version": "5", "late": [0.5] * len(columns["temp"])})


def test_a_report_has_the_good_rows_with_what_the_file_held(frame, monkeypatch):
    bad = frame.astype(object)
    bad.iloc[4, 0] = "noon"
    api = Api(monkeypatch, half)
    report = forecasts.make(bad.to_csv(index=False).encode(), "http://127.0.0.1:1")
    assert report.version == "5" and len(report.table) == 299 and (report.table["probability_late"] == 0.5).all()
    assert list(report.table)[:2] == ["line", "probability_late"] and list(report.table)[-2:] == ["flight", "late"]
    assert 6 not in report.table["line"].tolist() and report.problems["line"].tolist() == [6]
    url, columns = api.asked[0]
    assert url == "http://127.0.0.1:1/predict/columns" and set(columns) == set(flights.FEATURES)
    assert None in columns["pressure"] and not any(isinstance(v, float) and math.isnan(v) for v in columns["pressure"])
    assert flight_schema.read_columns(json.dumps(columns).encode())
    assert report.summary() == "299 flights forecast by model version 5; 299 called late. 1 row left out, see below."
    assert "; 0 called late" in report.summary(0.6)


def test_a_downloaded_report_can_be_uploaded_again(frame, good, monkeypatch):
    Api(monkeypatch, half)
    once = forecasts.make(good, "http://127.0.0.1:1")
    again = forecasts.make(once.table.to_csv(index=False).encode(), "http://127.0.0.1:1")
    assert list(again.table) == list(once.table)


def test_with_no_good_row_nothing_is_asked(frame, monkeypatch):
    api = Api(monkeypatch, half)
    report = forecasts.make(frame.assign(distance=1).to_csv(index=False).encode(), "http://127.0.0.1:1")
    assert not api.asked and report.table.empty and report.summary() == "No row can be forecast. 300 rows left out, see below."


REFUSALS = {
    "down": (httpx.ConnectError("refused"), "does not answer at http://127.0.0.1:1: start it"),
    "slow": (httpx.ReadTimeout("slow"), "did not answer in time"),
    "no address": (httpx.UnsupportedProtocol("what"), "correct FLIGHT_API"),
    "no model": (lambda _: httpx.Response(503, json={"problems": []}), "has no model yet"),
    "refused": (
        lambda _: httpx.Response(422, json={"problems": [{"where": "temp", "came": "", "problem": "too hot"}]}),
        "refuses the flights with 422 (temp: too hot)",
    ),
    "broken": (lambda _: httpx.Response(500, text="oh"), "with 500"),
    "another service": (lambda _: httpx.Response(200, json={"hello": 1}), "is not the flight API"),
    "a list": (lambda _: httpx.Response(200, json=[1]), "is not the flight API"),
    "a page": (lambda _: httpx.Response(200, text="<html>"), "is not the flight API"),
    "too few": (lambda _: httpx.Response(200, json={"version": "1", "late": [0.1]}), "is not the flight API"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_service_that_does_not_answer_gets_one_sentence(kind, good, monkeypatch):
    answer, says = REFUSALS[kind]
    Api(monkeypatch, answer)
    with pytest.raises(forecasts.ForecastError) as refusal:
        forecasts.make(good, "http://127.0.0.1:1")
    assert says in str(refusal.value) and "\n" not in str(refusal.value)


def test_an_address_that_is_none(good):
    for url in ("", "nonsense", "http://", "http://[1", "ftp://127.0.0.1"):
        with pytest.raises(forecasts.ForecastError, match="correct FLIGHT_API"):
            forecasts.make(good, url)


@pytest.mark.parametrize(("late", "threshold"), [(np.linspace(0, 1, 101), 0.25), ([], 0.25), ([0.3], 0.95)])
def test_the_figure_counts_and_names_the_threshold(late, threshold):
    axes = forecasts.figure(late, threshold).axes[0]
    called = sum(value >= threshold for value in late)
    assert axes.get_title(loc="left").startswith(f"{called:,} of {len(late):,} flight")
    assert axes.texts[0].get_text() == f"threshold {threshold:.2f}"
    assert axes.get_xlabel() == "probability of arriving 15 or more minutes late" and axes.get_ylabel() == "flights"
    assert sum(bar.get_height() for bar in axes.patches) == len(late)
