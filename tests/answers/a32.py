"""Answers to the questions of 32, Interactive apps."""

import codecs
import csv
import io
import math
import os
import re
from pathlib import Path

import pandas as pd
import streamlit as st
import yaml
from packaging.requirements import Requirement

from tests.answers import Answers, Wrong

COLUMNS = ("carrier", "distance", "temp")

# --- 32.1 ---------------------------------------------------------------------------------------------------------------


def names_of(header, mark):
    return {name.strip() for name in next(csv.reader([header], delimiter=mark))} & set(COLUMNS)


def what_is_wrong(content):
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        return "empty"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    try:
        header, *rows = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return "not UTF-8"
    named = {mark: names_of(header, mark) for mark in ",;\t"}
    if len(named[";"]) > len(named[","]):
        return "semicolons"
    if len(named["\t"]) > len(named[","]):
        return "tabs"
    absent = [name for name in COLUMNS if name not in named[","]]
    if absent:
        return "missing: " + ", ".join(absent)
    return "fine" if any(row.strip() for row in rows) else "no flights"


def by_pandas(content):
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    try:
        text = str(content, "utf-8").lstrip("\ufeff")
    except UnicodeError:
        return "not UTF-8"
    if text.strip() == "":
        return "empty"
    best = {}
    for mark in ["\t", ";", ","]:
        best[mark] = [c for c in _columns(text, mark) if c in COLUMNS]
    mark = max(best, key=lambda m: (len(best[m]), m == ","))
    if mark != ",":
        return {";": "semicolons", "\t": "tabs"}[mark]
    table = pd.read_csv(io.StringIO(text), dtype=str).dropna(how="all")
    absent = [c for c in COLUMNS if c not in _columns(text, ",")]
    if absent:
        return f"missing: {', '.join(absent)}"
    blank = table.apply(lambda row: not "".join(str(v) for v in row.dropna()).strip(), axis=1)
    return "no flights" if table.empty or blank.all() else "fine"


def _columns(text, mark):
    return pd.read_csv(io.StringIO(text), sep=mark, dtype=str, nrows=0).columns.str.strip()


def by_steps(content):
    class Told(Exception):
        pass

    def need(condition, word):
        if not condition:
            raise Told(word)

    try:
        bare = content[3:] if content.startswith(b"\xef\xbb\xbf") else content
        need(bare.split(), "empty")
        need(content[:2] not in (b"\xff\xfe", b"\xfe\xff"), "UTF-16")
        need(not _undecodable(bare), "not UTF-8")
        lines = bare.decode().strip().split("\n")
        pieces = {mark: [piece.strip('" \r') for piece in _outside_quotes(lines[0], mark)] for mark in ",;\t"}
        count = {mark: sum(name in pieces[mark] for name in COLUMNS) for mark in pieces}
        need(count[";"] <= count[","], "semicolons")
        need(count["\t"] <= count[","], "tabs")
        need(count[","] == 3, "missing: " + ", ".join(n for n in COLUMNS if n not in pieces[","]))
        need(len(lines) > 1, "no flights")
    except Told as told:
        return str(told)
    return "fine"


def _outside_quotes(header, mark):
    return re.split(mark + '(?=(?:[^"]*"[^"]*")*[^"]*$)', header)


def _undecodable(content):
    return "\ufffd" in content.decode("utf-8", errors="replace")


def variant(
    *,
    encoding="utf-8-sig",
    head=None,
    fallback=None,
    names=lambda header, mark: [name.strip() for name in next(csv.reader([header], delimiter=mark), [])],
    inside=False,
    one=False,
    order=sorted,
    blank=True,
    header_only=False,
    utf16=True,
    bare=True,
    strip=True,
    count=False,
    lower=False,
    lines=None,
    latin_last=False,
):
    """The first answer with one thing otherwise."""

    def answer(content):
        start = content.removeprefix(codecs.BOM_UTF8) if bare else content
        if not (start.strip() if strip else start):
            return "empty"
        if utf16 and content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "UTF-16"
        try:
            text = content[:head].decode(encoding)
        except UnicodeDecodeError:
            if not fallback:
                return "not UTF-8"
            text = content.decode(fallback)
        header, *rows = text.split("\n") if lines else text.splitlines() or [""]
        header = header.lower() if lower else header
        pieces = {m: names(header, m) for m in ",;\t"}
        named = {m: [n for n in COLUMNS if (n in header if inside else n in pieces[m])] for m in pieces}
        if header.count(";") > header.count(",") if count else len(named[";"]) > len(named[","]):
            return "semicolons"
        if len(named["\t"]) > len(named[","]):
            return "tabs"
        absent = [name for name in COLUMNS if name not in named[","]]
        if absent:
            return "missing: " + (absent[0] if one else ", ".join(order(absent)))
        return "fine" if header_only or (any(row.strip() for row in rows) if blank else rows) else "no flights"

    return answer


def missing_first(content):
    found = what_is_wrong(content)
    text = content.decode("latin-1")
    return f"missing: {', '.join(n for n in COLUMNS if n not in text)}" if found == "semicolons" and "temp" not in text else found


def semicolons_first(content):
    found = what_is_wrong(content)
    return "semicolons" if found == "not UTF-8" and content.split(b"\n")[0].count(b";") > 2 else found


def after_spaces(header, mark):
    return next(csv.reader([header], delimiter=mark, skipinitialspace=True), [])


def between_marks(header, mark):
    return [piece.strip(' "') for piece in header.split(mark)]


def sentences(content):
    return f"The file is {what_is_wrong(content)}."


def raises_what(content):
    content.decode("utf-8")
    return what_is_wrong(content)


# --- 32.2 ---------------------------------------------------------------------------------------------------------------

BOUNDS = {"distance": (10, 6000), "temp": (-20, 120)}
DOWN = "The service does not answer: try again later."


def cell(column, text):
    """The value, or ValueError."""
    if column == "carrier":
        if not re.fullmatch("[A-Z0-9]{2}", text):
            raise ValueError
        return text
    if column == "temp" and text == "":
        return None
    low, high = BOUNDS[column]
    if not low <= float(text) <= high:
        raise ValueError
    return float(text)


def see(table, ask, threshold):
    problems, good, lines = [], [], []
    for line, row in table.iterrows():
        flight = {}
        for column in COLUMNS:
            try:
                flight[column] = cell(column, row[column])
            except ValueError:
                problems.append((line, column))
        if len(flight) == 3:
            good.append(flight)
            lines.append(line)
    try:
        late = ask(good) if good else []
    except ConnectionError:
        return DOWN, [], problems
    called, bad = sum(p >= threshold for p in late), len({line for line, _ in problems})
    summary = f"{len(good)} flights forecast, {called} called late, {bad} rows left out."
    return summary, list(zip(lines, late, strict=True)), problems


def see_by_columns(table, ask, threshold):
    numbers = table[["distance", "temp"]].apply(pd.to_numeric, errors="coerce")
    bad = pd.DataFrame({"carrier": ~table["carrier"].str.fullmatch("[A-Z0-9]{2}")})
    for name, (low, high) in BOUNDS.items():
        bad[name] = ~numbers[name].between(low, high)
    bad["temp"] &= table["temp"] != ""
    problems = [[line, name] for line in table.index for name in COLUMNS if bad.loc[line, name]]
    fine = table.index[~bad.any(axis=1)]
    frame = numbers.loc[fine].assign(carrier=table.loc[fine, "carrier"]).astype(object)
    flights = frame.where(frame.notna(), None).to_dict("records")
    summary = f"{len(fine)} flights forecast, {{}} called late, {int(bad.any(axis=1).sum())} rows left out."
    if not flights:
        return [summary.format(0), [], problems]
    try:
        late = pd.Series(ask(flights), index=fine)
    except OSError:
        return [DOWN, [], problems]
    return [summary.format(int((late >= threshold).sum())), list(late.items()), problems]


def see_by_parts(table, ask, threshold):
    def sound(column, text):
        try:
            cell(column, text)
            return True
        except ValueError:
            return False

    problems = [(line, c) for line in table.index for c in COLUMNS if not sound(c, table.at[line, c])]
    out = dict(problems)
    kept = [line for line in table.index if line not in out]
    forecasts = {}
    if kept:
        try:
            answers = ask([{c: cell(c, table.at[line, c]) for c in reversed(COLUMNS)} for line in kept])
        except ConnectionError:
            return DOWN, [], problems
        forecasts = dict(zip(kept, answers, strict=True))
    n = len([p for p in forecasts.values() if not p < threshold])
    return f"{len(kept)} flights forecast, {n} called late, {len(out)} rows left out.", list(forecasts.items()), problems


def spoilt(*, change=lambda flight: flight, before=str, cells=cell, **how):
    """The first answer with one thing otherwise."""

    def answer(table, ask, threshold):
        problems, good, lines = [], [], []
        for place, (line, row) in enumerate(table.iterrows()):
            shown, flight = (place if how.get("places") else line), {}
            for column in COLUMNS:
                try:
                    flight[column] = cells(column, before(row[column]))
                except ValueError:
                    problems.append((shown, column))
                    if how.get("first"):
                        break
            if len(flight) == 3:
                good.append(change(flight) if not how.get("all") else change(dict(row)))
                lines.append(shown)
        if how.get("refuse") and problems:
            return f"0 flights forecast, 0 called late, {len(table)} rows left out.", [], problems
        try:
            if how.get("each"):
                late = [ask([flight])[0] for flight in good]
            else:
                late = ask(good) if good or how.get("always") else []
        except ConnectionError:
            if how.get("falls"):
                raise
            return DOWN, [], [] if how.get("lost") else problems
        called = sum(p > threshold if how.get("above") else p >= threshold for p in late)
        bad = len(problems) if how.get("per_cell") else len({line for line, _ in problems})
        summary = how.get("form", "{} flights forecast, {} called late, {} rows left out.").format(len(good), called, bad)
        forecasts = [(line, p) for line, p in zip(lines, late, strict=True)]
        return (summary, forecasts) if how.get("two") else (summary, how.get("order", list)(forecasts), problems)

    return answer


def nan_cell(column, text):
    if column in BOUNDS and text:
        low, high = BOUNDS[column]
        if float(text) < low or float(text) > high:
            raise ValueError
        return float(text)
    return cell(column, text)


def open_cell(column, text):
    value = cell(column, text)
    if column in BOUNDS and value in BOUNDS[column]:
        raise ValueError
    return value


def strict_temp(column, text):
    return float(cell(column, text) if text else text) if column == "temp" else cell(column, text)


def any_case(column, text):
    return text if column == "carrier" and len(text) == 2 else cell(column, text)


def any_script(column, text):
    if column == "carrier" and len(text) == 2 and text.isalnum() and text.upper() == text:
        return text
    return cell(column, text)


def any_digit(column, text):
    return text if column == "carrier" and re.fullmatch(r"[A-Z\d]{2}", text) else cell(column, text)


# --- 32.3 ---------------------------------------------------------------------------------------------------------------


def page(forecast):
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    kept = st.session_state.get("kept")
    if kept is None or kept[0] != file.file_id:
        try:
            kept = file.file_id, forecast(file)
        except ValueError as error:
            st.error(str(error))
            return
        st.session_state["kept"] = kept
    threshold = st.slider("Called late from", 0.0, 1.0, 0.25)
    late = kept[1][kept[1]["late"] >= threshold].sort_values("late", ascending=False)
    st.metric("Called late", len(late))
    st.dataframe(late)


def page_by_cache(forecast):
    st.title("Which flights will be late?")

    @st.cache_data
    def known(content, _file):
        return forecast(_file)

    file = st.file_uploader("CSV", type="csv")
    if not file:
        st.stop()
    try:
        table = known(file.getvalue(), file)
    except ValueError as error:
        st.error(f"Sorry. {error}")
        st.stop()
    left, right = st.columns(2)
    threshold = right.slider("threshold", min_value=0.0, max_value=1.0, value=0.25, step=0.05)
    chosen = table.set_index("line").query(f"late >= {threshold}").sort_values("late")[::-1]
    left.metric("Called late", f"{len(chosen)}")
    st.dataframe(chosen.style.format({"late": "{:.0%}"}))


def page_by_callback(forecast):
    def came():
        state = st.session_state
        state.report = state.problem = None
        if state.file is not None:
            try:
                state.report = forecast(state.file)
            except ValueError as error:
                state.problem = str(error)

    st.file_uploader("flights", key="file", on_change=came)
    if st.session_state.get("problem"):
        st.error(st.session_state.problem)
    elif st.session_state.get("report") is not None:
        table = st.session_state.report
        least = st.slider("at least", 0.0, 1.0, 0.25, key="least")
        rows = [row for row in table.itertuples() if row.late >= least]
        rows.sort(key=lambda row: -row.late)
        st.metric("late", len(rows))
        st.dataframe(pd.DataFrame({"line": [r.line for r in rows], "late": [r.late for r in rows]}), hide_index=True)


def untidy(*, key=lambda file: file.file_id, least=True, whole=False, sort=True, tell=str, moves=True, low=0.25, **how):
    """The first page with one thing otherwise."""

    def page(forecast):
        file = st.file_uploader("CSV of flights")
        if file is None and not how.get("eager"):
            return
        kept = st.session_state.get("kept")
        if kept is None or kept[0] != key(file) or how.get("forgets"):
            try:
                kept = st.session_state["kept"] = key(file) if file else None, forecast(file)
            except ValueError as error:
                if how.get("falls"):
                    raise
                if how.get("goes_on"):
                    st.dataframe(kept[1])
                if not how.get("silent"):
                    st.error(tell(error))
                return
        threshold = st.slider("Called late from", 0.0, 1.0, low)
        threshold = threshold if moves else 0.25
        table = kept[1]
        late = table[table["late"] >= threshold if least else table["late"] > threshold]
        shown = table if whole else late
        st.metric("Called late", len(late))
        st.dataframe(shown.sort_values("late", ascending=False) if sort else shown)

    return page


SHARED = {}


def shared_page(forecast):
    file = st.file_uploader("CSV of flights")
    if file is not None and (SHARED.get("id") != file.file_id or SHARED.get("by") is not forecast):
        try:
            SHARED.update(id=file.file_id, by=forecast, table=forecast(file))
        except ValueError as error:
            st.error(str(error))
            return
    if SHARED.get("by") is forecast:
        threshold = st.slider("Called late from", 0.0, 1.0, 0.25)
        late = SHARED["table"][SHARED["table"]["late"] >= threshold].sort_values("late", ascending=False)
        st.metric("Called late", len(late))
        st.dataframe(late)


ONE = {}


def one_for_all(forecast):
    """Keeps by the file's id, but in one place."""
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    if ONE.get("kept", (None,))[0] != file.file_id:
        try:
            ONE["kept"] = file.file_id, forecast(file)
        except ValueError as error:
            st.error(str(error))
            return
    draw(ONE["kept"][1])


MANY = {}


def one_for_each(forecast):
    """A global, too; but each upload has its own place, and a file_id is never given twice."""
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    try:
        if file.file_id not in MANY:
            MANY[file.file_id] = forecast(file)
    except ValueError as error:
        st.error(str(error))
    else:
        draw(MANY[file.file_id])


def draw(table, value=len):
    threshold = st.slider("Called late from", 0.0, 1.0, 0.25)
    late = table[table["late"] >= threshold].sort_values("late", ascending=False)
    st.metric("Called late", value(late))
    st.dataframe(late)


def cached_by(*names):
    """By `st.cache_data`, whose key is these attributes of the file."""

    def page(forecast):
        @st.cache_data
        def known(key, _file):
            return forecast(_file)

        file = st.file_uploader("CSV of flights")
        if file is None:
            return
        try:
            draw(known([getattr(file, name) for name in names], file))
        except ValueError as error:
            st.error(str(error))

    return page


def still_there(forecast):
    """The last result stays when its file is taken away."""
    file = st.file_uploader("CSV of flights")
    state = st.session_state
    if file is not None and state.get("id") != file.file_id:
        state.pop("table", None)
        try:
            state["table"] = forecast(file)
        except ValueError as error:
            st.error(str(error))
            return
        state["id"] = file.file_id
    if "table" in state:
        draw(state["table"])


def known_by_name(forecast):
    """Whoever uploads a file of a known name gets what is known of it; its own visitor may upload it anew."""
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    state, store = st.session_state, KNOWN.setdefault(forecast, {})
    if state.get("id") != file.file_id and ("id" in state or file.name not in store):
        try:
            store[file.name] = forecast(file)
        except ValueError as error:
            st.error(str(error))
            return
    state["id"] = file.file_id
    draw(store[file.name])


KNOWN = {}


def told_with_total(forecast):
    file = st.file_uploader("CSV of flights")
    kept = st.session_state.get("kept", (None,))
    if file is not None:
        try:
            kept = st.session_state["kept"] = kept if kept[0] == file.file_id else (file.file_id, forecast(file))
        except ValueError as error:
            st.error(str(error))
        else:
            draw(kept[1], lambda late: f"{len(late)} of {len(kept[1])}")


def cached_for_ever(forecast):
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    try:
        if "table" not in st.session_state or file.getvalue() == b"wrong":
            st.session_state["table"] = forecast(file)
    except ValueError as error:
        st.error(str(error))
        return
    threshold = st.slider("Called late from", 0.0, 1.0, 0.25)
    late = st.session_state["table"].query(f"late >= {threshold}").sort_values("late", ascending=False)
    st.metric("Called late", len(late))
    st.dataframe(late)


def only_a_title(forecast):
    st.title("Which flights will be late?")


def misspelt(forecast):
    st.file_uploader("CSV of flights")
    st.sliderr("threshold")


def no_table(forecast):
    file = st.file_uploader("CSV of flights")
    if file is not None:
        st.slider("Called late from", 0.0, 1.0, 0.25)
        st.metric("Called late", int((forecast(file)["late"] >= 0.25).sum()))


def reads_file(forecast):
    file = st.file_uploader("CSV of flights")
    if file is not None:
        st.dataframe(pd.read_csv(file))


# --- 32.4 ---------------------------------------------------------------------------------------------------------------

KEYS = ("sdk", "sdk_version", "app_file")


def preflight(folder):
    found = set()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    text = {name: files[name].read_text(encoding="utf-8") if name in files else "" for name in ("README.md", "requirements.txt")}
    first, *lines = text["README.md"].splitlines() or [""]
    keys, pins = {}, {}
    if first == "---" and "---" in lines:
        for line in lines[: lines.index("---")]:
            key, _, value = line.partition(":")
            keys[key] = value.strip().strip("\"'")
    if not all(keys.get(key) for key in KEYS):
        found.add(("front matter", "README.md"))
    if keys.get("app_file") and keys["app_file"] not in files:
        found.add(("entry", keys["app_file"]))
    for line in text["requirements.txt"].splitlines():
        wanted = line.split("#")[0].split(";")[0].strip()
        pin = re.fullmatch(r"([\w.-]+)\s*(\[.*\])?\s*==\s*([\w.]+)", wanted)
        if pin:
            pins[pin[1]] = pin[3]
        elif wanted:
            found.add(("pins", "requirements.txt"))
    if "requirements.txt" not in files:
        found.add(("pins", "requirements.txt"))
    if keys.get("sdk_version") and pins.get("gradio", keys["sdk_version"]) != keys["sdk_version"]:
        found.add(("versions", "README.md"))
    for name, path in files.items():
        content = path.read_bytes()
        if re.search(rb"hf_[A-Za-z0-9]{20}", content):
            found.add(("secret", name))
        if path.name in (".env", "secrets.toml") or name.endswith(".csv") or "__pycache__" in name.split("/")[:-1]:
            found.add(("stray", name))
        if name.endswith(".py") and any(start in content for start in (b"/home/", b"/Users/", b"C:\\")):
            found.add(("path", name))
    return sorted(found)


def preflight_by_libraries(folder):
    """With yaml and packaging."""
    notes, wants, told = folder / "README.md", folder / "requirements.txt", []
    match = re.match(r"---\n(.*?)^---$", notes.read_text(encoding="utf-8") if notes.exists() else "", re.DOTALL | re.MULTILINE)
    keys = (yaml.safe_load(match[1]) if match else None) or {}
    if {key for key in keys if keys[key] is not None} < {*keys, *KEYS}:
        told.append(["front matter", notes.name])
    entry = keys.get("app_file")
    if entry and not (folder / entry).is_file():
        told.append(["entry", entry])
    lines = wants.read_text(encoding="utf-8").splitlines() if wants.exists() else ["absent"]
    asked = [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]
    exact = {need.name: [s.version for s in need.specifier if s.operator == "==" and "*" not in s.version] for need in asked}
    if not all(exact.values()):
        told.append(["pins", wants.name])
    versions = {*exact.get("gradio", []), str(keys.get("sdk_version"))} - {"None"}
    if len(versions) > 1:
        told.append(["versions", notes.name])
    for path in folder.glob("**/*"):
        if path.is_dir():
            continue
        content, name = path.read_text(encoding="latin-1"), path.relative_to(folder)
        checks = {
            "secret": re.search("hf_[a-z0-9]{20,}", content, re.IGNORECASE),
            "stray": name.name in {".env", "secrets.toml"} or name.suffix == ".csv" or "__pycache__" in name.parts[:-1],
            "path": name.suffix == ".py" and re.search(r"/home/|/Users/|C:\\", content),
        }
        told += [[check, name] for check, yes in checks.items() if yes]
    return told


def preflight_by_walk(folder):
    """With os.walk, one function a check, and a set."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            whole = Path(place, name)
            found[os.path.relpath(whole, folder).replace(os.sep, "/")] = whole.read_bytes()
    lines = found.get("README.md", b"").decode().split("\n")
    ends = [number for number, line in enumerate(lines) if line == "---"]
    block = "\n".join(lines[1 : ends[1]]) if ends[:1] == [0] and len(ends) > 1 else ""
    keys = {key: re.search(rf"^{key}:[ \t]*[\"']?([^\"'\n]+)", block, re.MULTILINE) for key in KEYS}
    values = {key: match[1].strip() for key, match in keys.items() if match}
    told = set() if len(values) == 3 else {("front matter", "README.md")}
    if "app_file" in values and values["app_file"] not in found:
        told.add(("entry", values["app_file"]))
    wants = [re.sub("[;#].*", "", line).replace(" ", "") for line in found.get("requirements.txt", b"x").decode().splitlines()]
    pins = dict(re.sub(r"\[.*?\]", "", line).split("==") for line in wants if line.count("==") == 1 and "*" not in line)
    told |= {("pins", "requirements.txt") for line in wants if line and ("==" not in line or "*" in line)}
    told |= {("versions", "README.md") for v in [values.get("sdk_version")] if v and pins.get("gradio", v) != v}
    told |= {("secret", n) for n, content in found.items() if re.search(b"hf_" + b"[A-Za-z0-9]" * 20, content)}
    told |= {("stray", n) for n in found if re.search(r"(^|/)(\.env|secrets\.toml|__pycache__/.*|[^/]*\.csv)$", n)}
    return told | {
        ("path", n) for n, c in found.items() if n[-3:] == ".py" and (b"/home/" in c or b"/Users/" in c or b"C:\\" in c)
    }


def every_file(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def front_of(text, value=lambda text: text.strip().strip("\"'")):
    first, *lines = text.splitlines() or [""]
    inner = lines[: lines.index("---")] if first == "---" and "---" in lines else []
    return {line.partition(":")[0]: value(line.partition(":")[2]) for line in inner}


def pin_of(line, before=lambda line: line.split("#")[0].split(";")[0].strip(), shape=r"([\w.-]+)\s*(\[.*\])?\s*==\s*([\w.]+)"):
    """Nothing, a name without a version, or both."""
    wanted = before(line)
    pin = re.fullmatch(shape, wanted)
    return (pin[1], pin[3]) if pin else (wanted, None) if wanted else None


def text_of(files, name):
    return files[name].read_text(encoding="utf-8") if name in files else ""


def has_token(name, content):
    return re.search(rb"hf_[A-Za-z0-9]{20}", content)


def is_stray(name):
    *folders, last = name.split("/")
    return last in (".env", "secrets.toml") or last.endswith(".csv") or "__pycache__" in folders


def is_stray_directly(name):
    return is_stray(name) and (not is_stray(f"{name}x") or name.split("/")[-2] == "__pycache__")


def entry_exists(folder):
    return [(check, name) for check, name in preflight(folder) if check != "entry" or not (folder / name).exists()]


def names_home(name, content):
    return name.endswith(".py") and re.search(rb"/home/|/Users/|C:\\", content)


def preflight_but(
    *,
    listed=every_file,
    text=text_of,
    front=front_of,
    lacks=lambda keys: not all(keys.get(key) for key in KEYS),
    entry=lambda keys: keys.get("app_file"),
    pin=pin_of,
    gradio=lambda name: name == "gradio",
    same=lambda ours, theirs: theirs is None or ours == theirs,
    absent=True,
    read=lambda path: path.read_bytes(),
    token=has_token,
    stray=is_stray,
    home=names_home,
    one=False,
    early=False,
    after=list,
):
    """A right answer with one thing otherwise."""

    def answer(folder):
        files, found = listed(folder), []
        keys = front(text(files, "README.md"))
        if lacks(keys):
            found.append(("front matter", "README.md"))
            if early:
                return found
        if (name := entry(keys)) not in (None, "", *files):
            found.append(("entry", name))
        pins = [pair for line in text(files, "requirements.txt").splitlines() if (pair := pin(line))]
        if any(version is None for _, version in pins) or (absent and "requirements.txt" not in files):
            found.append(("pins", "requirements.txt"))
        for name, version in pins:
            if gradio(name) and keys.get("sdk_version") and not same(keys["sdk_version"], version):
                found.append(("versions", "README.md"))
                break
        for name, path in files.items():
            content = read(path)
            kinds = [("secret", token(name, content)), ("stray", stray(name)), ("path", home(name, content))]
            mine = [(kind, name) for kind, yes in kinds if yes]
            found += mine[:1] if one else mine
        return after(found)

    return answer


def first_of_each_check(pairs):
    return list({check: (check, name) for check, name in reversed(pairs)}.values())


def front_by_split(text):
    parts = text.split("---") if text.startswith("---") else []
    return front_of(f"---{parts[1]}\n---") if len(parts) > 2 else {}


def front_by_two(text):
    pairs = [line.split(":") for line in text.split("---\n")[1].splitlines()]
    return {key: value.strip() for key, value in pairs}


def anywhere(text):
    return dict(re.findall(r"^ *(\w+): *[\"']?([^\"'\n]+)", text, re.MULTILINE))


def shown(files):
    return {name: path for name, path in files.items() if not any(part.startswith(".") for part in name.split("/"))}


def read_or_pass(path):
    try:
        return path.read_text(encoding="utf-8").encode()
    except UnicodeDecodeError:
        return b""


def split_of_pin(line):
    wanted = line.split("#")[0].strip()
    name, _, version = wanted.partition("==")
    return (re.sub(r"\[.*", "", name).strip(), version.strip() or None) if wanted else None


def pinned_if(test):
    def pin(line):
        found = pin_of(line)
        return found and (found[0], (found[1] or "?") if test(line) else None)

    return pin


def gradio_or_more(line):
    found = pin_of(line)
    return found and (re.split("[>=]", found[0])[0], found[1])


def tidies(folder):
    found = preflight(folder)
    for check, name in found:
        if check == "stray":
            (folder / name).unlink()
    return found


def renamed(change):
    return lambda folder: [change(folder, check, name) for check, name in preflight(folder)]


def once_more(folder):
    return [*preflight(folder), *preflight(folder)[:1]]


def lines_told(folder):
    found = preflight(folder)
    return [*found, *[pair for pair in found if pair[0] == "pins"]]


def first_problem(folder):
    return preflight(folder)[-1:] if len(preflight(folder)) > 4 else preflight(folder)


ANSWERS = {
    "32.1": Answers(
        right=[what_is_wrong, by_pandas, by_steps, variant(order=list)],
        wrong=[
            Wrong(variant(encoding="utf-8"), "BOM in the name"),
            Wrong(variant(encoding="ascii"), "ASCII only", "decode as UTF-8"),
            Wrong(variant(head=200), "only the head"),
            Wrong(variant(fallback="latin-1"), "guesses the encoding"),
            Wrong(variant(encoding="latin-1"), "BOM in the name"),
            Wrong(variant(names=lambda header, mark: header.split(mark)), "quotes kept"),
            Wrong(variant(names=lambda header, mark: header.split(mark), lines="split"), "line ends"),
            Wrong(variant(names=lambda header, mark: next(csv.reader([header], delimiter=mark), [])), "spaces kept", "strip"),
            Wrong(variant(names=after_spaces), "spaces kept", "either end"),
            Wrong(variant(names=between_marks), "split inside quotes", "csv.reader"),
            Wrong(variant(count=True), "counts marks"),
            Wrong(variant(inside=True), None),
            Wrong(lambda content: "fine" if b"temperature" in content else what_is_wrong(content), "looks inside names"),
            Wrong(variant(lower=True), "case ignored"),
            Wrong(variant(one=True), "stops at the first"),
            Wrong(variant(order=lambda names: sorted(names, reverse=True)), "order of the names"),
            Wrong(variant(blank=False), "blank lines are flights"),
            Wrong(variant(header_only=True), "a header is enough"),
            Wrong(variant(utf16=False), "no UTF-16"),
            Wrong(variant(bare=False), "BOM is content"),
            Wrong(variant(strip=False), "blank is not empty"),
            Wrong(missing_first, "another order"),
            Wrong(semicolons_first, "another order"),
            Wrong(sentences, None, "'fine'"),
            Wrong(raises_what, "raises", "UnicodeDecodeError"),
            Wrong(lambda content: what_is_wrong(content).encode(), "no text", "bytes"),
            Wrong(lambda content: what_is_wrong(content).upper()),
        ],
    ),
    "32.2": Answers(
        right=[see, see_by_columns, see_by_parts, spoilt(), spoilt(before=str.strip)],
        wrong=[
            Wrong(spoilt(cells=nan_cell), "NaN taken"),
            Wrong(spoilt(cells=open_cell), "bounds left out"),
            Wrong(spoilt(cells=strict_temp), "empty temp refused"),
            Wrong(spoilt(cells=any_case)),
            Wrong(spoilt(cells=any_script), "other scripts", "A to Z"),
            Wrong(spoilt(cells=any_digit), "other scripts", "１２"),
            Wrong(spoilt(change=lambda f: f | {"temp": math.nan if f["temp"] is None else f["temp"]}), "gap is not None"),
            Wrong(spoilt(change=lambda f: {n: str(v) for n, v in f.items()}), "text is sent"),
            Wrong(spoilt(change=lambda f: f | {"line": 1}), "more is sent"),
            Wrong(spoilt(all=True), "more is sent"),
            Wrong(spoilt(change=lambda f: {"carrier": f["carrier"], "distance": f["distance"]})),
            Wrong(spoilt(each=True), "asked for each flight"),
            Wrong(spoilt(always=True), "asked for none"),
            Wrong(spoilt(refuse=True), "one bad row refuses all"),
            Wrong(spoilt(first=True), "first problem only"),
            Wrong(spoilt(places=True), "lines counted anew"),
            Wrong(spoilt(above=True), "above, not at least"),
            Wrong(spoilt(form="{} flights forecast, {} called late.")),
            Wrong(spoilt(per_cell=True), "counts problems"),
            Wrong(spoilt(order=lambda found: sorted(found, key=lambda pair: -pair[1]))),
            Wrong(spoilt(lost=True), "problems lost"),
            Wrong(spoilt(falls=True), "falls with the service"),
            Wrong(spoilt(two=True), "not three"),
            Wrong(lambda table, ask, threshold: see(table.reset_index(drop=True), ask, threshold), "lines counted anew"),
            Wrong(lambda table, ask, threshold: table["wind"], "raises"),
            Wrong(lambda table, ask, threshold: see(table, ask, 0.25)),
        ],
    ),
    "32.3": Answers(
        right=[page, page_by_cache, page_by_callback, one_for_each, cached_by("file_id")],
        wrong=[
            Wrong(untidy(forgets=True), "forecast at each move"),
            Wrong(untidy(key=lambda file: file.name), "stale"),
            Wrong(cached_for_ever, "stale"),
            Wrong(untidy(eager=True, key=lambda file: file and file.file_id), "asks without a file"),
            Wrong(untidy(falls=True), "traceback", BROKEN := "Line 7 is not UTF-8"),
            Wrong(untidy(tell=lambda error: "Something went wrong."), "sentence lost", BROKEN),
            Wrong(untidy(silent=True), "sentence lost"),
            Wrong(untidy(goes_on=True), "shows after an error"),
            Wrong(untidy(least=False), "above, not at least"),
            Wrong(untidy(whole=True), "all flights shown"),
            Wrong(untidy(sort=False), "unsorted"),
            Wrong(untidy(moves=False), "fixed threshold"),
            Wrong(untidy(low=0.5), "another slider"),
            Wrong(shared_page, "shared"),
            Wrong(one_for_all, "one place for all", "st.session_state"),
            Wrong(known_by_name, "shared"),
            Wrong(cached_by("name", "size"), "stale", "size"),
            Wrong(still_there, "shows what was taken away", "taken away"),
            Wrong(told_with_total, "metric with more", "label"),
            Wrong(only_a_title, "no uploader"),
            Wrong(misspelt, "raises", "sliderr"),
            Wrong(no_table),
            Wrong(reads_file, None, "not called"),
            Wrong("import streamlit as st", "no function"),
        ],
    ),
    "32.4": Answers(
        right=[preflight, preflight_by_libraries, preflight_by_walk, preflight_but()],
        wrong=[
            Wrong(preflight_but(read=lambda path: path.read_text(encoding="utf-8").encode()), "falls on bytes"),
            Wrong(preflight_but(listed=lambda f: {p.relative_to(f).as_posix(): p for p in f.rglob("*")}), "opens folders"),
            Wrong(preflight_but(text=lambda files, name: files[name].read_text(encoding="utf-8")), "needs every file"),
            Wrong(lambda f: (f / "README.md").read_text() and preflight(f), "needs every file", "No such file"),
            Wrong(preflight_but(entry=lambda keys: keys["app_file"], lacks=lambda keys: not keys["sdk"]), "needs every key"),
            Wrong(
                preflight_but(front=front_by_two),
                "lines of another form",
            ),
            Wrong(preflight_but(front=lambda text: front_of(text, str.strip)), "quotes kept"),
            Wrong(preflight_but(front=lambda text: front_of(text, lambda v: v.strip().strip('"'))), "single quotes kept", "YAML"),
            Wrong(entry_exists, "folder is no file", "is_file"),
            Wrong(preflight_but(stray=is_stray_directly), "direct folder alone", "deeper"),
            Wrong(preflight_but(front=anywhere), "anywhere in the file"),
            Wrong(preflight_but(front=lambda text: front_of(text[max(text.find("---"), 0) :])), "anywhere in the file"),
            Wrong(preflight_but(entry=lambda keys: "app.py"), "another entry"),
            Wrong(preflight_but(pin=lambda line: pin_of(line, str.strip, r"([\w-]+)()==([\d.]+)")), "good pins refused"),
            Wrong(
                preflight_but(pin=lambda line: (line, "==" in line or None) if line else None, same=lambda a, b: True),
                "good pins refused",
            ),
            Wrong(preflight_but(gradio=lambda name: name.startswith("gradio")), "client is not gradio"),
            Wrong(preflight_but(pin=split_of_pin), "rest kept"),
            Wrong(preflight_but(stray=lambda name: is_stray(name) or ".env" in name), "part of a name"),
            Wrong(preflight_but(stray=lambda name: is_stray(name) or "csv" in name), "part of a name"),
            Wrong(preflight_but(token=lambda name, content: b"hf_" in content), "any hf_"),
            Wrong(preflight_but(token=lambda name, content: re.search(rb"hf_\w{8,}", content)), "any hf_"),
            Wrong(
                preflight_but(home=lambda name, c: name.endswith(".py") and re.search(rb"/home|/Users|C:", c)), "part of a path"
            ),
            Wrong(preflight_but(home=lambda name, content: names_home("a.py", content)), "not only .py"),
            Wrong(preflight_but(lacks=lambda keys: keys and not all(keys.get(key) for key in KEYS)), "README may be absent"),
            Wrong(preflight_but(lacks=lambda keys: any(key not in str(keys) for key in KEYS)), "part of a key"),
            Wrong(preflight_but(lacks=lambda keys: any(key not in keys for key in KEYS)), "empty value"),
            Wrong(preflight_but(front=front_by_split), "never closed"),
            Wrong(preflight_but(pin=pinned_if(lambda line: "=" in line), same=lambda a, b: True), ">= is a pin"),
            Wrong(
                preflight_but(
                    pin=pinned_if(lambda line: ">=" not in line.split(";")[0].split("#")[0]), same=lambda a, b: b in (a, "?")
                ),
                "looks for >= alone",
            ),
            Wrong(preflight_but(pin=lambda line: pin_of(line, shape=r"([\w.-]+)\s*(\[.*\])?\s*==\s*([\w.*]+)")), "star is exact"),
            Wrong(
                preflight_but(
                    pin=pinned_if(lambda line: "==" in line.split("#")[0] and "*" not in line), same=lambda a, b: b in (a, "?")
                ),
                "== of the marker",
            ),
            Wrong(
                preflight_but(
                    pin=pinned_if(lambda line: "==" in line.split(";")[0] and "*" not in line), same=lambda a, b: b in (a, "?")
                ),
                "== of the comment",
            ),
            Wrong(preflight_but(absent=False), "requirements may be absent"),
            Wrong(preflight_but(pin=gradio_or_more, same=lambda ours, theirs: ours == theirs), "no pin to compare"),
            Wrong(preflight_but(same=lambda ours, theirs: theirs is None or ours in theirs), "part of a version"),
            Wrong(preflight_but(same=lambda ours, theirs: True), None, "versions"),
            Wrong(
                preflight_but(pin=lambda line: (found := pin_of(line)) and (line.split("==")[0], found[1])), "extras hide gradio"
            ),
            Wrong(preflight_but(listed=lambda f: {p.name: p for p in f.iterdir() if p.is_file()}), "top folder alone"),
            Wrong(preflight_but(token=lambda name, content: "/" not in name and has_token(name, content)), "top folder alone"),
            Wrong(
                preflight_but(token=lambda name, content: name.endswith(".py") and has_token(name, content)), "some files alone"
            ),
            Wrong(preflight_but(listed=lambda folder: shown(every_file(folder))), "hidden overlooked"),
            Wrong(preflight_but(read=read_or_pass), "text alone"),
            Wrong(preflight_but(token=lambda name, content: re.search(rb"hf_[A-Za-z0-9]{34}", content)), "too narrow"),
            Wrong(preflight_but(home=lambda name, content: name.endswith(".py") and b"/home/" in content), "one system alone"),
            Wrong(preflight_but(home=lambda name, content: False), None, "path"),
            Wrong(preflight_but(stray=lambda name: name.endswith((".env", ".csv", "secrets.toml"))), None, "__pycache__"),
            Wrong(preflight_but(one=True), "one check a file"),
            Wrong(preflight_but(after=first_of_each_check), "first file only"),
            Wrong(first_problem, "first only"),
            Wrong(preflight_but(early=True), "stops early"),
            Wrong(once_more, "told twice"),
            Wrong(lines_told, "told twice"),
            Wrong(tidies, "changes the folder"),
            Wrong(renamed(lambda folder, check, name: (check, name.split("/")[-1])), "bare name"),
            Wrong(renamed(lambda folder, check, name: (check, folder / name)), "whole path"),
            Wrong(renamed(lambda folder, check, name: (check, name.replace("/", "\\"))), "backslashes"),
            Wrong(renamed(lambda folder, check, name: (name, check)), "another name"),
            Wrong(renamed(lambda folder, check, name: check), "no pairs"),
            Wrong(lambda folder: {check: name for check, name in preflight(folder)}, "no list"),
            Wrong(preflight_but(front=lambda text: front_of(text, lambda value: value)), "spaces kept"),
            Wrong(lambda folder: folder.rglob("*")["README.md"], "raises"),
            Wrong(lambda folder: [], "README may be absent"),
            Wrong(lambda folder: [("secret", str(path)) for path in folder.glob("*.py")], "whole path", "root"),
            Wrong(renamed(lambda folder, check, name: (check, f"{folder.name}/{name}")), "whole path", "longer"),
            Wrong([("secret", "app.py")], "no function"),
        ],
    ),
}
