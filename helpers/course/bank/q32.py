"""The questions of 32, Interactive apps.

Nothing here opens a port: files are bytes, the service is a function, and pages run in Streamlit's AppTest. The fourth
question stands in sharing.py.
"""

import codecs
import csv
import re
import textwrap
from dataclasses import dataclass

import numpy as np

from helpers.course.bank import sharing
from helpers.course.evidence import describe, learners_line
from helpers.course.verdict import Question, not_yet, passed

COLUMNS = ("carrier", "distance", "temp")
CARRIERS = ("UA", "B6", "DL", "9E")
E_UTF8 = "é".encode()
SPACES_KEPT = {"missing: distance, temp": "spaces kept", "missing: temp": "spaces kept", "missing: distance": "spaces kept"}


def a_row(rng):
    return [str(rng.choice(CARRIERS)), str(int(rng.integers(80, 2500))), f"{rng.uniform(10, 90):.1f}"]


# --- 32.1: one word for a file ------------------------------------------------------------------------------------------


def a_file(rng, header=COLUMNS, mark=",", n=4, end="\n", extra="17"):
    """The bytes of a CSV; `extra` stands in a fourth column."""
    rows = [[*a_row(rng), extra][: len(header)] for _ in range(n)]
    return "".join(mark.join(row) + end for row in [list(header), *rows]).encode()


def files(rng):
    """Each: what it is, its bytes, and what answers other than the right one mean, by the answer ("" is any)."""
    plain = a_file(rng)
    french = (*COLUMNS, "remark")
    noted = a_file(rng, french, n=400, extra="dégivrage")
    near, far = noted.replace(E_UTF8, b"\xe9"), noted.replace(E_UTF8, b"e", 390).replace(E_UTF8, b"\xe9")
    quoted = [f'"{name}"' for name in COLUMNS]
    spaced, joined = ("carrier", " distance", "temp "), ("carrier", '"distance,temp"')
    marks, commas = (*COLUMNS, "note;a;b;c;d;e"), (*COLUMNS, "a,b,c,d,e")
    none = "missing: carrier, distance, temp"
    return [
        ("a sound file", plain, {}),
        ("a sound file of one flight, without a line end after it", a_file(rng, n=1)[:-1], {}),
        ("a sound file with Windows line ends", a_file(rng, end="\r\n"), {"missing: temp": "line ends"}),
        ("a sound file in another order", a_file(rng, ("temp", "late", "carrier", "distance")), {}),
        ("a sound file in UTF-8 with an é", noted, {"not UTF-8": "ASCII only"}),
        ("a sound file with a BOM", codecs.BOM_UTF8 + plain, {"missing: carrier": "BOM in the name"}),
        ("an empty file", b"", {}),
        ("a file of two line ends", b" \n\n", {"": "blank is not empty"}),
        ("a file that is a BOM alone", codecs.BOM_UTF8, {"": "BOM is content"}),
        ("a file in UTF-16", _utf16(codecs.BOM_UTF16_LE, "utf-16-le", plain), {"not UTF-8": "no UTF-16"}),
        ("a file in UTF-16 (big-endian)", _utf16(codecs.BOM_UTF16_BE, "utf-16-be", plain), {"not UTF-8": "no UTF-16"}),
        ("a Latin-1 file", near, {"fine": "guesses the encoding"}),
        ("a file whose only Latin-1 letters stand near its end", far, {"fine": "only the head"}),
        ("a file with semicolons", a_file(rng, mark=";"), {}),
        ("a file with a BOM and semicolons", codecs.BOM_UTF8 + a_file(rng, mark=";"), {}),
        ("a file with tabs", a_file(rng, mark="\t"), {}),
        ("a file with commas and a column called note;a;b;c;d;e", a_file(rng, marks), {"semicolons": "counts marks"}),
        ("a file with semicolons and a column called a,b,c,d,e", a_file(rng, commas, ";"), {none: "counts marks"}),
        ('a file with the header "carrier","distance","temp", in double quotes', a_file(rng, quoted), {none: "quotes kept"}),
        ("a file with semicolons and names in double quotes", a_file(rng, quoted, ";"), {none: "quotes kept"}),
        ("a file with the header carrier, distance,temp and a space at its end", a_file(rng, spaced), SPACES_KEPT),
        (
            'a file with the header carrier,"distance,temp"',
            a_file(rng, joined),
            {"fine": "split inside quotes"} | _one_alone(COLUMNS[1:]),
        ),
        ("a file with Carrier and no carrier", a_file(rng, ("Carrier", *COLUMNS[1:])), {"fine": "case ignored"}),
        ("a file with temperature and no temp", a_file(rng, (*COLUMNS[:2], "temperature")), {"fine": "looks inside names"}),
        ("a file without temp", a_file(rng, COLUMNS[:2]), {}),
        ("a file without carrier and temp", a_file(rng, ("distance", "late")), _one_alone(["carrier", "temp"])),
        ("a file that names none of them", a_file(rng, ("a", "b", "c")), _one_alone(COLUMNS)),
        ("a file with a header alone", a_file(rng, n=0), {"fine": "a header is enough"}),
        ("a file with a header and blank lines", a_file(rng, n=0) + b"\n  \n", {"fine": "blank lines are flights"}),
        ("a Latin-1 file with semicolons", near.replace(b",", b";"), {"semicolons": "another order"}),
        ("a file with semicolons that lacks temp", a_file(rng, COLUMNS[:2], ";"), {"missing: temp": "another order"}),
        ("a header alone that lacks temp", a_file(rng, COLUMNS[:2], n=0), {"no flights": "another order"}),
    ]


def _utf16(mark, encoding, content):
    return mark + content.decode().encode(encoding)


def _one_alone(absent):
    orders = {"missing: " + ", ".join(reversed(absent)): "order of the names"}
    return {f"missing: {absent[0]}": "stops at the first"} | orders


def kind_of(content):
    """The oracle: what is wrong with a file. It reads the header as CSV once a mark."""
    bare = content.removeprefix(codecs.BOM_UTF8)
    if not bare.strip():
        return "empty"
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "UTF-16"
    try:
        lines = bare.decode().splitlines()
    except UnicodeDecodeError:
        return "not UTF-8"
    split = {mark: next(csv.reader([lines[0]], delimiter=mark)) for mark in ",;\t"}
    named = {mark: {name.strip() for name in names} & set(COLUMNS) for mark, names in split.items()}
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(named[mark]) > len(named[","]):
            return word
    if absent := [name for name in COLUMNS if name not in named[","]]:
        return f"missing: {', '.join(absent)}"
    return "fine" if any(line.strip() for line in lines[1:]) else "no flights"


def probe_files(answer, rng):
    return {"told": [_told(answer, content) for _, content, _ in files(rng)]}


def _told(answer, *inputs):
    try:
        value = answer(*inputs)
    except NotImplementedError:
        raise
    except Exception as error:
        return {"raised": _short(error)}
    return value if isinstance(value, str) or value is ... else {"gave": type(value).__name__}


def _short(error):
    return textwrap.shorten(describe(error), 150, placeholder="…")


FILE_MISCONCEPTIONS = {
    "line ends": 'A Windows line ends in "\\r\\n", which is no part of the last name: `splitlines` takes both away.',
    "ASCII only": "UTF-8 has more letters than ASCII: decode as UTF-8.",
    "BOM in the name": 'The three bytes of the BOM were taken for a part of "carrier". The encoding "utf-8-sig" takes them away.',
    "blank is not empty": "Where there is nothing but white space, the file is empty.",
    "BOM is content": "Take the BOM away before you ask whether anything is there.",
    "no UTF-16": "It is not UTF-8, true; but the first two bytes say more: b'\\xff\\xfe' or b'\\xfe\\xff'.",
    "guesses the encoding": "It was taken all the same. A guessed encoding turns letters into others without a word: refuse it.",
    "only the head": "The whole file must be UTF-8; the first lines do not tell.",
    "counts marks": "How often a mark occurs does not tell. Split the header by each, and count the wanted names.",
    "quotes kept": "A name may stand in double quotes, which are no part of it. csv.reader takes them away.",
    "spaces kept": "Spaces at either end of a name are no part of it: name.strip().",
    "split inside quotes": "Between double quotes the mark is a letter like others. csv.reader knows that, str.split does not.",
    "case ignored": "To the service, Carrier is not carrier: compare exactly.",
    "looks inside names": '"temp" in the text of the header is also true of temperature. Compare whole names.',
    "stops at the first": "Name all that are missing at once, or the visitor comes back once for each.",
    "order of the names": "The names come in the order of COLUMNS.",
    "a header is enough": "There is no flight below it.",
    "blank lines are flights": "A line of white space is no flight.",
    "another order": "The questions are asked in the order of the list, and the first that applies decides.",
}


def judge_files(evidence, rng):
    for (told, content, meanings), got in zip(files(rng), evidence["told"], strict=True):
        want = kind_of(content)
        if isinstance(got, dict):
            how = f"raises {got['raised']}" if "raised" in got else f"gives a value of type {got['gave']}"
            return not_yet(f"For {told} the answer is {want!r}; yours {how}.", "raises" if "raised" in got else "no text")
        if got != want:
            kind = meanings.get(got, meanings.get(""))
            why = f" {FILE_MISCONCEPTIONS[kind]}" if kind else ""
            return not_yet(f"For {told} the answer is {want!r}; yours says {got[:80]!r}.{why}", kind)
    return passed()


# --- 32.2: what the page shows -------------------------------------------------------------------------------------------

BOUNDS = {"distance": (10, 6000), "temp": (-20, 120)}
DOWN = "The service does not answer: try again later."


def tables(rng):
    """Each: what it is, its rows as (line, cells), the threshold, whether the service is down."""
    rows = [[line, a_row(rng)] for line in (2, 3, 5, 6, 9, 10, 11, 12, 14, 15, 17, 18)]
    sound = [[line, list(cells)] for line, cells in rows]
    spoilt = [[line, list(cells)] for line, cells in rows]
    for place, column, text in [(1, 1, "far"), (3, 0, "ua"), (4, 2, ""), (6, 1, "5"), (6, 2, "500"), (8, 2, "nan"), (10, 0, "")]:
        spoilt[place][1][column] = text
    edges = [[2, ["UA", "10", "-20"]], [3, ["9E", "6000", "120"]], [4, ["UA", "9.9", "120.5"]], [7, ["UAL", "6001", "-21"]]]
    edges += [[8, ["B6", "inf", "20"]], [9, ["B6", "1e2", "-inf"]], [10, ["U", "", "20"]], [12, ["DL", "nan", "20"]]]
    edges += [[13, ["DL", "500", "20"]]]
    scripts = [[place, [carrier, "500", "20"]] for place, carrier in enumerate(("UA", "１２", "ÉÉ", "9Ü", "ＵＡ", "99"), start=2)]
    bad = [[3, ["", "", "warm"]], [8, ["UA", "-5", ""]]]
    at = chance({"carrier": sound[0][1][0], "distance": float(sound[0][1][1]), "temp": float(sound[0][1][2])})
    return [
        ("twelve sound rows", sound, at, False),
        ("a table with bad rows", spoilt, 0.25, False),
        ("a table with bad rows, at another threshold", spoilt, 0.4, False),
        ("values at and beyond the bounds", edges, 0.25, False),
        ("carriers with letters and digits of other scripts", scripts, 0.25, False),
        ("a table without a good row", bad, 0.25, False),
        ("bad rows while the service is down", spoilt, 0.25, True),
    ]


def chance(flight):
    """What the probe's service says."""
    cold = 0.3 if flight["temp"] is None else 0.35 - flight["temp"] / 400
    return round(cold + flight["distance"] / 20_000 + (0.05 if flight["carrier"] == "B6" else 0), 4)


def fits(column, text, *, nan=False, closed=True, empty=True):
    """Whether a cell can be used; each keyword is a twist."""
    if column == "carrier":
        return re.fullmatch("[A-Z0-9]{2}", text) is not None
    if not text:
        return empty and column == "temp"
    try:
        value = float(text)
    except ValueError:
        return False
    low, high = BOUNDS[column]
    if np.isnan(value):
        return nan
    return low <= value <= high if closed else low < value < high


def seen(rows, threshold, down, *, cells=False, least=True, **twists):
    """The oracle: what is asked, and what the page shows."""
    problems = [
        [line, column]
        for line, texts in rows
        for column, text in zip(COLUMNS, texts, strict=True)
        if not fits(column, text, **twists)
    ]
    bad = {line for line, _ in problems}
    asked = [_typed(texts) for line, texts in rows if line not in bad]
    summary, forecasts = DOWN, []
    if not (down and asked):
        late = [chance(flight) for flight in asked]
        forecasts = [[line, p] for (line, _), p in zip([row for row in rows if row[0] not in bad], late, strict=True)]
        called = sum(p >= threshold if least else p > threshold for p in late)
        summary = f"{len(late)} flights forecast, {called} called late, {len(problems) if cells else len(bad)} rows left out."
    return {"asked": [asked] if asked else [], "summary": summary, "forecasts": forecasts, "problems": problems}


def _typed(texts):
    carrier, distance, temp = texts
    return {"carrier": carrier, "distance": float(distance), "temp": float(temp) if temp else None}


def probe_seen(answer, rng):
    import pandas as pd

    found = []
    for _, rows, threshold, down in tables(rng):
        cells = [[*texts, "17"] for _, texts in rows]
        index = pd.Index([line for line, _ in rows], name="line")
        table = pd.DataFrame(cells, columns=[*COLUMNS, "flight"], index=index, dtype="str")
        found.append(_one_view(answer, table, threshold, down))
    return {"found": found}


def _one_view(answer, table, threshold, down):
    asked = []

    def ask(flights):
        flights = [dict(flight) for flight in flights]
        asked.append(flights)
        if down:
            raise ConnectionError("connection refused")
        try:
            return [chance(flight) for flight in flights]
        except (TypeError, KeyError):
            return [0.5] * len(flights)

    try:
        value = answer(table, ask, threshold)
    except NotImplementedError:
        raise
    except Exception as error:
        return {"asked": asked, "raised": _short(error), "no connection": isinstance(error, ConnectionError)}
    if value is ...:
        return ...
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        return {"asked": asked, "gave": type(value).__name__}
    return {"asked": asked} | dict(zip(("summary", "forecasts", "problems"), value, strict=True))


SEEN_MISCONCEPTIONS = {
    "falls with the service": "ConnectionError came out of it, so the visitor gets a traceback. Catch it around ask.",
    "one bad row refuses all": "The good rows are to be forecast all the same.",
    "asked for none": "Where no row is good, do not call ask at all.",
    "asked for each flight": "Call ask once, with the list of all good flights: each request has its price.",
    "more is sent": "The flights hold carrier, distance and temp; what else the file has is not the service's business.",
    "text is sent": "distance and temp are sent as numbers (float), not as text.",
    "other scripts": "isalnum, isupper and \\d know the letters and digits of all scripts, É and １２ as well. Wanted are "
    "A to Z and 0 to 9.",
    "gap is not None": "An empty temp is sent as None: JSON has no NaN, and the service takes no empty text.",
    "NaN taken": "nan is a float, and neither below nor above any bound. Ask `low <= value <= high`: that is false for nan.",
    "bounds left out": "The bounds belong to the range.",
    "empty temp refused": "An empty temp is allowed: the weather may be unknown.",
    "first problem only": "A row may have several problems; name them all, or the visitor comes back once for each.",
    "lines counted anew": "The line is the table's index: the number of the line in the visitor's file.",
    "above, not at least": "From the threshold on means: at least as high as it.",
    "counts problems": "Count the rows that are left out, not their problems: a row can have two.",
    "problems lost": "The service is down, but what was wrong with the rows is known: show it.",
}


def judge_seen(evidence, rng):
    cases = tables(rng)
    for (told, rows, threshold, down), got in zip(cases, evidence["found"], strict=True):
        want = seen(rows, threshold, down)
        kind, message = _difference(rows, want, down, got)
        if message:
            kind = kind or _counted_otherwise(evidence["found"], cases)
            why = f" {SEEN_MISCONCEPTIONS[kind]}" if kind in SEEN_MISCONCEPTIONS else ""
            return not_yet(f"Given {told}: {message}{why}", kind)
    return passed()


def _difference(rows, want, down, got):
    """A misconception or None, and what is otherwise than wanted; ("", "") where nothing is."""
    if "raised" in got:
        return ("falls with the service" if got["no connection"] else "raises"), f"yours raises {got['raised']}."
    if "gave" in got:
        return "not three", f"return three things, summary, forecasts and problems; yours gave a {got['gave']}."
    if got["asked"] != want["asked"]:
        return _asked_otherwise(rows, want["asked"], got)
    if got["problems"] != want["problems"]:
        return _problems_otherwise(rows, down, want, got["problems"])
    if got["forecasts"] != want["forecasts"]:
        kind = "lines counted anew" if _places(got["forecasts"], want["forecasts"]) else None
        return kind, f"the forecasts are {_few(want['forecasts'])}; yours {_few(got['forecasts'])}."
    if got["summary"] != want["summary"]:
        return None, f"the summary is {want['summary']!r}; yours {_few(got['summary'])}."
    return "", ""


def _asked_otherwise(rows, want, got):
    asked = got["asked"]
    flat = [flight for flights in asked for flight in flights]
    if want and not asked:
        return "one bad row refuses all", f"{len(want[0])} rows are good, and ask was not called."
    if not want and not flat:
        return "asked for none", "no row is good, and ask was called with an empty list."
    if len(asked) > 1 and want and flat == want[0]:
        return "asked for each flight", f"ask was called {len(asked)} times."
    for flight in flat:
        if kind := _flight_otherwise(flight):
            return kind.strip() or None, f"ask got {_few(flight)}."
    for twist, kind in TWISTS:
        if _key(flat) == _key(seen(rows, 0.25, False, **twist)["asked"][0]):
            return kind, f"ask should get {len(want[0]) if want else 0} flights; it got {len(flat)}."
    if any(flight["temp"] == "" or flight["temp"] != flight["temp"] for flight in flat):
        return "gap is not None", "a flight without temp was sent otherwise."
    return None, f"ask should get {_few(want)}; it got {_few(asked)}."


def _flight_otherwise(flight):
    """A misconception, or " " where it is another mistake; "" where the flight has the right keys and no text for a number."""
    if set(flight) != set(COLUMNS):
        return "more is sent" if set(COLUMNS) < set(flight) else " "
    if isinstance(flight["carrier"], str) and not flight["carrier"].isascii():
        return "other scripts"
    return "text is sent" if any(isinstance(flight[name], str) and flight[name] for name in BOUNDS) else ""


TWISTS = [
    (dict(nan=True), "NaN taken"),
    (dict(closed=False), "bounds left out"),
    (dict(empty=False), "empty temp refused"),
]


def _key(flights):
    """As text, in which NaN equals NaN."""
    values = [[flight.get(name) for name in COLUMNS] for flight in flights]
    return repr([[float(v) if isinstance(v, (int, float)) else v for v in row] for row in values])


def _problems_otherwise(rows, down, want, got):
    wanted = want["problems"]
    message = f"the problems are {_few(wanted)}; yours {_few(got)}."
    if down and got == []:
        return "problems lost", message
    firsts = [p for n, p in enumerate(wanted) if n == 0 or wanted[n - 1][0] != p[0]]
    if got == firsts:
        return "first problem only", message
    if _places(got, wanted):
        return "lines counted anew", message
    return None, message


def _places(got, want):
    """Whether only the lines are otherwise."""
    try:
        return [pair[1] for pair in got] == [pair[1] for pair in want] and got != want
    except (TypeError, IndexError, KeyError):
        return False


def _counted_otherwise(found, cases):
    """The misconception that gives just these summaries, in all cases; None if none does."""
    for twist, kind in ((dict(least=False), "above, not at least"), (dict(cells=True), "counts problems")):
        if [got.get("summary") for got in found] == [seen(*case[1:], **twist)["summary"] for case in cases]:
            return kind
    return None


def _few(value):
    return textwrap.shorten(repr(value), 160, placeholder="…")


# --- 32.3: a page in Streamlit ---------------------------------------------------------------------------------------------

BROKEN = "Line 7 is not UTF-8: save it as CSV UTF-8."
FIRST, MOVED, EXACT = 0.25, 0.5, 0.4  # thresholds


def forecasts_of(rng):
    """Three files' forecasts, as (line, late); no two alike, some exactly at a threshold."""
    chances = [[0.25, 0.4, 0.5], [0.25, 0.31], [0.25, 0.6]]
    tables = []
    for exact in chances:
        others = rng.choice([n / 100 for n in range(3, 97) if n / 100 not in exact], size=9, replace=False).tolist()
        late = rng.permutation([*exact, *others, 0.99, 0.02]).tolist()
        lines = sorted(rng.choice(range(2, 60), size=len(late), replace=False).tolist())
        tables.append([[line, p] for line, p in zip(lines, late, strict=True)])
    return tables


def probe_page(answer, rng):
    if not callable(answer) or type(answer).__name__ != "function":
        return {"no function": type(answer).__name__}
    import pandas as pd
    import streamlit as st
    from streamlit import logger

    st.get_option("logger.level")  # reads the settings, so that the next line lasts
    logger.set_log_level("error")
    st.cache_data.clear()
    st.cache_resource.clear()
    contents = dict(zip((b"first", b"again", b"third"), forecasts_of(rng), strict=True))  # all of one size
    calls = []

    def forecast(file):
        content = None if file is None else file.getvalue()
        calls.append(None if content is None else content.decode())
        if content not in contents:
            raise ValueError(BROKEN)
        return pd.DataFrame(contents[content], columns=["line", "late"]).astype({"line": int})

    steps = []
    visitor, other = Visitor(answer, forecast, calls, steps), Visitor(answer, forecast, calls, steps)
    visitor.do("without a file")
    visitor.do("after the upload", upload=b"first")
    visitor.do("with the slider at 0.5", slider=MOVED)
    visitor.do("with the slider at 0.4", slider=EXACT)
    visitor.do("after the upload of a broken file", upload=b"wrong")
    visitor.do("after the upload of a second file of the same name and size", upload=b"again")
    other.do("for another visitor, without a file")
    other.do("for another visitor, after an upload of the same name and size", upload=b"third")
    visitor.do("with the first visitor's slider at 0.5 afterwards", slider=MOVED)
    visitor.do("after the first visitor's file was taken away", remove=True)
    other.do("with the other visitor's slider at 0.5", slider=MOVED)
    return {"steps": steps}


def _script(page, forecast, failures):
    try:
        page(forecast)
    except Exception as error:
        failures.append(error)


class Visitor:
    """Plays one visitor of a page and notes what is shown, in steps that all visitors share."""

    def __init__(self, answer, forecast, calls, steps):
        from streamlit.testing.v1 import AppTest

        self.failures, self.calls, self.steps = [], calls, steps
        given = {"page": answer, "forecast": forecast, "failures": self.failures}
        self.test = AppTest.from_function(_script, kwargs=given, default_timeout=20)

    def do(self, what, *, upload=None, slider=None, remove=False):
        if self.steps and "stuck" in self.steps[-1]:
            return
        self.failures.clear()
        self.steps.append({"what": what} | self._shown(upload, slider, remove))

    def _shown(self, upload, slider, remove):
        try:
            if remove:
                self.test.file_uploader[0].set_value(None)
            if upload is not None:
                self.test.file_uploader[0].set_value(("flights.csv", upload, "text/csv"))
            if slider is not None:
                self.test.slider[0].set_value(slider)
            self.test.run()
        except Exception as error:  # no such widget, another type, no end
            return {"stuck": _short(error)}
        for error in self.failures:
            if isinstance(error, NotImplementedError):
                raise error
        page = self.test
        return {
            "raised": [f"{_short(error)} ({learners_line(error)[0]})" for error in self.failures],
            "uploaders": len(page.file_uploader),
            "sliders": [[s.value, s.min, s.max] for s in page.slider],
            "metrics": [str(m.value) for m in page.metric],
            "tables": [_lines(table.value) for table in page.dataframe],
            "errors": [str(error.value) for error in page.error],
            "calls": list(self.calls),
        }


def _lines(table):
    """The lines that a table on the page lists; what it is else, where it has none."""
    try:
        table = table.reset_index() if table.index.name == "line" else table
        return [int(line) for line in table["line"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        return "a table without a column line"


PAGE_MISCONCEPTIONS = {
    "asks without a file": "Before anything is uploaded, st.file_uploader gives None: there is nothing to forecast.",
    "forecast at each move": "The script runs from the top at each move of the slider, and forecast with it. Keep the result in "
    "st.session_state, together with the file that it belongs to (file.file_id).",
    "stale": "What is kept must belong to the file that lies there now; name and size do not tell, file.file_id does.",
    "traceback": "Catch ValueError and show its sentence by st.error.",
    "sentence lost": "st.error is to hold the sentence that the exception brings: str(error).",
    "shows after an error": "Where the file cannot be used there is nothing to show but the sentence.",
    "above, not at least": "From the threshold on means: at least as high as it.",
    "all flights shown": "The table lists the flights that are called late, and no others.",
    "unsorted": "The most probable come first: sort_values.",
    "fixed threshold": "The slider moved, and the page did not follow. Use what st.slider returns.",
    "shared": "What one visitor uploaded is shown to another. Globals are shared by all; st.session_state belongs to one.",
    "one place for all": "Another visitor's upload pushed the first one's out. A global is one place for all; "
    "st.session_state belongs to one visitor.",
    "shows what was taken away": "What is kept is shown only while its file lies there: when it is None, return.",
    "metric with more": "The metric's value is the number alone; its label has room for the rest.",
    "another slider": "st.slider(label, 0.0, 1.0, 0.25) goes from 0 to 1 and starts at 0.25.",
    "no uploader": "A page needs one st.file_uploader at each run.",
}


def judge_page(evidence, rng):
    if "no function" in evidence:
        return not_yet(f"A function page(forecast) is wanted; a value of type {evidence['no function']} came.", "no function")
    tables = forecasts_of(rng)
    wanted = steps_wanted(*tables)
    for step, at in zip(evidence["steps"], wanted, strict=False):
        kind, message = _page_otherwise(step, at, [table for table in tables if table is not at.want])
        if message:
            why = f" {PAGE_MISCONCEPTIONS[kind]}" if kind in PAGE_MISCONCEPTIONS else ""
            return not_yet(f"{step['what'][0].upper()}{step['what'][1:]}: {message}{why}", kind)
    if len(evidence["steps"]) < len(wanted):
        return not_yet("The visitor came to no end.")
    return passed()


@dataclass(frozen=True)
class Step:
    """What a page shows after a step, and what it means if it does not."""

    want: object  # a file's forecasts; None for no file; BROKEN
    calls: int
    threshold: float = FIRST
    other: str | None = "stale"  # what was shown before is shown
    more: str = "forecast at each move"  # forecast was called again


def steps_wanted(first, second, third):
    return [
        Step(None, 0, other=None),
        Step(first, 1),
        Step(first, 1, MOVED),
        Step(first, 1, EXACT),
        Step(BROKEN, 2),
        Step(second, 3),
        Step(None, 3, other="shared"),
        Step(third, 4, other="shared"),
        Step(second, 4, MOVED, other="shared", more="one place for all"),
        Step(None, 4, other="shows what was taken away"),
        Step(third, 4, MOVED),
    ]


def _page_otherwise(step, at, others):
    """A misconception or None, and what is otherwise than wanted. Others: the forecasts that are not to be shown."""
    if "stuck" in step:
        return "no uploader" if "upload" in step["what"] else None, f"the page cannot be used ({step['stuck']})."
    if None in step["calls"]:
        return "asks without a file", "forecast was called with None."
    if step["raised"]:
        return ("traceback" if at.want == BROKEN else "raises"), f"the page raises {step['raised'][0]}."
    if step["uploaders"] != 1:
        return "no uploader", f"there are {step['uploaders']} uploaders."
    if at.want is None or at.want == BROKEN:
        return _little_otherwise(step, at)
    if not step["calls"]:
        return None, "forecast was not called."
    if len(step["calls"]) != at.calls:
        kind = at.more if len(step["calls"]) > at.calls else at.other
        return kind, f"forecast was called {len(step['calls'])} times for {at.calls} uploads."
    return _results_otherwise(step, at, others)


def _little_otherwise(step, at):
    want, shown = at.want, step["sliders"] or step["metrics"] or step["tables"]
    if want is None:
        kind = at.other if shown else None
        return (kind, "there should be no slider, metric, table or error.") if shown or step["errors"] else ("", "")
    if not step["errors"] and shown and len(step["calls"]) < at.calls:
        return "stale", f"the sentence {want!r} should be there; the page still shows the file before."
    if not step["errors"]:
        return "sentence lost", f"st.error should say {want!r}; there is none."
    if not any(want in told for told in step["errors"]):
        return "sentence lost", f"st.error should say {want!r}; it says {step['errors'][0][:100]!r}."
    return ("shows after an error", "the page still shows a slider, a metric or a table.") if shown else ("", "")


def _results_otherwise(step, at, others):
    want, threshold = at.want, at.threshold
    if step["errors"]:
        return None, f"the file is sound, and the page shows the error {step['errors'][0][:100]!r}."
    if at.calls > 1 and threshold == FIRST and step["sliders"] and step["sliders"][0][0] == EXACT:
        threshold = EXACT  # where the visitor left it: as good as the start
    if len(step["sliders"]) != 1 or step["sliders"][0][1:] != [0, 1] or step["sliders"][0][0] != threshold:
        ours = ", ".join(f"from {low} to {high} at {value}" for value, low, high in step["sliders"]) or "no slider"
        return "another slider", f"one slider from 0.0 to 1.0 at {threshold} is wanted; there is {ours}."
    if len(step["metrics"]) != 1 or len(step["tables"]) != 1:
        return None, f"one metric and one dataframe are wanted; there are {len(step['metrics'])} and {len(step['tables'])}."
    late = called(want, threshold)
    metric, lines = step["metrics"][0], step["tables"][0]
    if metric == str(len(late)) and lines == late:
        return "", ""
    message = f"{len(late)} flights are called late, in lines {_few(late)}; the page shows {metric!r} and lines {_few(lines)}."
    return _results_kind(at, threshold, late, metric, lines, others), message


def _results_kind(at, threshold, late, metric, lines, others):
    want = at.want
    above = called(want, threshold, least=False)
    if threshold != FIRST and (metric, lines) == (str(len(called(want, FIRST))), called(want, FIRST)):
        return "fixed threshold"
    if at.calls > 1 and any(lines == called(table, threshold) for table in others):
        return at.other
    if lines == late and str(len(late)) in re.findall(r"\d+", metric):
        return "metric with more"
    if metric == str(len(above)) and isinstance(lines, list) and sorted(lines) == sorted(above):
        return "above, not at least"
    if isinstance(lines, list) and sorted(lines) == sorted(line for line, _ in want):
        return "all flights shown"
    if isinstance(lines, list) and sorted(lines) == sorted(late) and metric == str(len(late)):
        return "unsorted"
    return None


def called(table, threshold, *, least=True):
    """The lines of the flights called late, the most probable first."""
    chosen = [(p, line) for line, p in table if (p >= threshold if least else p > threshold)]
    return [line for _, line in sorted(chosen, reverse=True)]


SOLUTION = "solutions/32_interactive_apps.ipynb"
QUESTIONS = {
    "32.1": Question(
        title="One word for a file",
        probe=probe_files,
        judge=judge_files,
        hints=(
            "Ask in the order of the list, each question by an `if` that returns. Bytes have `startswith` and `strip`, too.",
            'content.decode("utf-8-sig") takes a BOM away and raises UnicodeDecodeError where it is not UTF-8. The header is '
            "the first of `text.splitlines()`.",
            "next(csv.reader([header], delimiter=mark)) splits the header by a mark and takes quotes away: count how many of "
            "COLUMNS are among the names, each of them stripped, for each of the three marks.",
        ),
        notebook=SOLUTION,
        misconceptions=("raises", "no text", *FILE_MISCONCEPTIONS),
    ),
    "32.2": Question(
        title="What the page shows",
        probe=probe_seen,
        judge=judge_seen,
        hints=(
            "Go through the rows: for line, row in table.iterrows(). Collect the problems, and the good flights with lines.",
            "try float(text), and ask low <= value <= high: that is false for nan, too. An empty temp becomes None.",
            "late = ask(good) if good else []; catch ConnectionError around that line alone, and still return the problems.",
        ),
        notebook=SOLUTION,
        misconceptions=("raises", "not three", *SEEN_MISCONCEPTIONS),
    ),
    "32.3": Question(
        title="A page in Streamlit",
        probe=probe_page,
        judge=judge_page,
        hints=(
            "file = st.file_uploader(...); if it is None, return. All else stands below.",
            "Keep (file.file_id, table) in st.session_state; call forecast only when the file_id there is another.",
            "late = table[table['late'] >= threshold].sort_values('late', ascending=False); st.metric('Called late', len(late)); "
            "st.dataframe(late).",
        ),
        notebook=SOLUTION,
        misconceptions=("no function", "raises", *PAGE_MISCONCEPTIONS),
    ),
    "32.4": sharing.QUESTION,
}
