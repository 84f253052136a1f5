"""The questions of 62, choosing tools. Nothing is started: sources, tables and records are made up, and their truth is known."""

import itertools
import math
from fractions import Fraction

from helpers.course.verdict import Question, not_yet, passed

DAMAGED = "The check's own record of your answer is damaged. Run the check again."


def _got(evidence, n):
    """The answers, one for each case; None unless they are as the probe makes them."""
    found = evidence.get("answers") if isinstance(evidence, dict) else None
    return found if isinstance(found, list) and len(found) == n else None


def _named(got, misconceptions, play):
    """The verdict of the misconception that gives just this, None if none does; `play(twist)` is what one would give."""
    for name, (twists, message) in misconceptions.items():
        if any(got == play(twist) for twist in (twists if isinstance(twists, list) else [twists])):
            return not_yet(message, name)
    return None


def _short(value):
    text = repr(value)
    return text if len(text) <= 90 else text[:87] + "..."


def _is_count(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# --- 62.1: lines of code ------------------------------------------------------------------------------------------------

# Each piece: lines of what kind, and the text. A source is made of pieces, so the truth needs no parser.
CODE, MORE, BLANK, COMMENT = "code", "more", "blank", "comment"
DOC, DOC_BLANK, DOC_HASH = "doc", "doc blank", "doc hash"
TEXT, TEXT_BLANK, TEXT_HASH, LOOSE = "text", "text blank", "text hash", "loose"
COUNTED = frozenset({CODE, MORE, TEXT, TEXT_BLANK, TEXT_HASH, LOOSE})
MODULE_DOC = [(DOC, '"""What this file does.'), (DOC_BLANK, ""), (DOC_HASH, "# not a comment, and no code"), (DOC, '"""')]


def pieces(rng):
    """Pieces that may follow one another in any order."""
    n = int(rng.integers(10, 99))
    return [
        [(CODE, f"a = {n}")],
        [(CODE, f'b = "# {n}"')],
        [(CODE, f"c = {n}  # a comment behind code")],
        [(CODE, f"d = {n}; e = {n + 1}")],
        [(BLANK, "")],
        [(BLANK, "    ")],
        [(COMMENT, f"# {n} is a comment")],
        [(COMMENT, "    # a comment that stands further right")],
        [(CODE, "f = ["), (MORE, f"    {n},"), (COMMENT, "    # inside"), (MORE, "]")],
        [(CODE, f"g = {n} + \\"), (MORE, f"    {n}")],
        [(TEXT, 'h = """SELECT'), (TEXT_HASH, "# kept as it is"), (TEXT_BLANK, ""), (TEXT, f"{n}"), (TEXT, '"""')],
        [(TEXT, "i = '''"), (TEXT_BLANK, "  "), (TEXT_HASH, "  # also kept"), (TEXT, "'''")],
        [(CODE, "j = 1"), (LOOSE, '"a text on its own, but not the first thing"')],
        [(CODE, "def p():"), (DOC, '    """"""'), (CODE, f"    return {n}")],
        [(CODE, "def k():"), (DOC, '    """Say it in one line."""'), (CODE, f"    return {n}")],
        [
            (CODE, "async def m():"),
            (COMMENT, "    # first"),
            (DOC, "    '''Two"),
            (DOC_HASH, "    # lines'''"),
            (CODE, "    return 1"),
        ],
        [(CODE, "class N:"), (DOC, '    """A class.'), (DOC_BLANK, ""), (DOC, '    """'), (BLANK, ""), (CODE, f"    o = {n}")],
    ]


def sources(rng):
    """Each: the kinds of its lines, and the text."""
    found = [[], [[(COMMENT, "# nothing but a comment")]], [MODULE_DOC], [[(BLANK, "")]]]
    found += [[piece] for piece in pieces(rng)]
    for number in range(40):
        some = pieces(rng)
        order = rng.integers(0, len(some), size=int(rng.integers(3, 12)))
        # A file that begins with a text on its own has a docstring, so code stands first where none is wanted.
        found.append([*([MODULE_DOC] if number % 2 else [[(CODE, "import sys")]]), *[some[place] for place in order]])
    lined = [[line for piece in source for line in piece] for source in found]
    return [([kind for kind, _ in lines], "".join(f"{text}\n" for _, text in lines)) for lines in lined]


def probe_lines(answer, rng):
    return {"answers": [answer(text) for _, text in sources(rng)]}


def line_count(kinds, *, add=(), lack=()):
    """The oracle: it knows of each line what it is. Each keyword is a twist behind a misconception."""
    return sum(kind in (COUNTED | set(add)) - set(lack) for kind in kinds)


LINES_MISCONCEPTIONS = {
    "the whole file": (
        [dict(add=(BLANK, COMMENT, DOC, DOC_BLANK, DOC_HASH))],
        "Yours counts every line of the file. Blank lines, comments and docstrings are no code.",
    ),
    "comments counted": (
        [dict(add=(COMMENT,)), dict(add=(COMMENT, DOC, DOC_HASH), lack=(TEXT_BLANK,))],
        "Yours counts lines that hold nothing but a comment. A comment behind code does not matter; on its own it does.",
    ),
    "blank lines counted": (
        dict(add=(BLANK,)),
        "Yours counts blank lines. Only those inside of a text that is a value belong to the code.",
    ),
    "looks at lines alone": (
        [dict(add=(DOC,), lack=(TEXT_BLANK, TEXT_HASH))],
        "Yours judges each line by itself. Whether `# kept as it is` is a comment depends on the lines above: it may "
        "stand inside "
        "of a text. tokenize knows, and ast knows which text is a docstring.",
    ),
    "docstrings counted": (
        [dict(add=(DOC, DOC_BLANK, DOC_HASH)), dict(add=(DOC, DOC_HASH)), dict(add=(DOC,))],
        "Yours counts docstrings. They explain the code and are none: leave all of their lines out.",
    ),
    "texts are not docstrings": (
        [dict(lack=(TEXT, TEXT_BLANK, TEXT_HASH)), dict(lack=(TEXT, TEXT_BLANK, TEXT_HASH, LOOSE))],
        "Yours leaves out every text in three quotation marks. Only a docstring is left out: the first statement of a "
        "file, a class "
        "or a function. A text that is given to a name is code.",
    ),
    "every text on its own": (
        dict(lack=(LOOSE,)),
        "Yours leaves out each text that stands on its own. It is a docstring only as the *first* statement of a file, class or "
        "function; later it is a line of code.",
    ),
    "first lines of texts": (
        [dict(lack=(TEXT_BLANK, TEXT_HASH)), dict(lack=(TEXT_HASH,)), dict(lack=(TEXT_BLANK,))],
        "Yours leaves out lines inside of a text that look blank, or like a comment. Each line that such a text covers counts.",
    ),
    "statements, not lines": (
        [dict(lack=(MORE,)), dict(lack=(MORE, TEXT_BLANK, TEXT_HASH))],
        "Yours counts only the first line of what goes on over several. Each line that holds code counts, a lone bracket too.",
    ),
}


def judge_lines(evidence, rng):
    asked = sources(rng)
    got = _got(evidence, len(asked))
    if got is None:
        return not_yet(DAMAGED)
    wrong = [value for value in got if not _is_count(value)]
    if wrong:
        return not_yet(f"Return a number of lines, an int; yours returned {_short(wrong[0])}.", "no number")
    want = [line_count(kinds) for kinds, _ in asked]
    if got == want:
        return passed("Now two programs can be compared, however well one of them is explained.")
    named = _named(got, LINES_MISCONCEPTIONS, lambda twist: [line_count(kinds, **twist) for kinds, _ in asked])
    if named:
        return named
    (_, text), w, g = min((row for row in zip(asked, want, got, strict=True) if row[1] != row[2]), key=lambda row: len(row[0][1]))
    return not_yet(f"This source has {w} lines of code, and yours says {_short(g)}:\n{text}")


# --- 62.2: which tools are dominated ------------------------------------------------------------------------------------

UNITS = {
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
    "MB": Fraction(1),
    "GB": Fraction(1000),
    "lines": Fraction(1),
    "requests/s": Fraction(1),
}
BETTER = {"start": "less", "memory": "less", "length": "less", "speed": "more"}
WRITTEN = {
    "start": ("300 ms", "0.3 s", "1.2 s", "1200 ms", "4 s", "900 ms"),
    "memory": ("80 MB", "240 MB", "0.24 GB", "1.1 GB", "1100 MB", "2 GB"),
    "length": ("9 lines", "13 lines", "25 lines"),
    "speed": ("150 requests/s", "450 requests/s", "900 requests/s"),
}


def tables(rng):
    """Each: the measurements of some tools, and of each measure whether less or more is better."""
    two = {"start": "less", "speed": "more"}
    found = [
        ({}, BETTER),
        ({"a": {"start": "1 s", "speed": "5 requests/s"}}, two),
        ({"b": {"start": "1 s", "speed": "5 requests/s"}, "a": {"start": "1000 ms", "speed": "5 requests/s"}}, two),
        ({"a": {"start": "1 s", "speed": None}, "b": {"start": "2 s", "speed": "5 requests/s"}}, two),
        ({"a": {"start": None, "speed": "9 requests/s"}, "b": {"start": None, "speed": "5 requests/s"}}, two),
    ]
    names = ["zeta", "alpha", "kappa", "gamma", "omega"]
    for _ in range(120):
        measures = [name for name in BETTER if rng.random() < 0.7] or ["start"]
        tools = {}
        for place in rng.permutation(len(names))[: int(rng.integers(2, 6))]:
            given = {name: str(rng.choice(WRITTEN[name])) for name in measures}
            tools[names[place]] = {name: None if rng.random() < 0.08 else value for name, value in given.items()}
        found.append((tools, {name: BETTER[name] for name in measures}))
    return found


def probe_undominated(answer, rng):
    given = [({tool: dict(row) for tool, row in table.items()}, dict(better)) for table, better in tables(rng)]
    return {"answers": [answer(*one) for one in given]}


def undominated(
    table, better, *, units=True, less=False, strict=False, ties=False, missing="unknown", turned=False, alphabet=False
):
    """The oracle, by the definition. Each keyword is a twist behind a misconception."""

    def number(text, direction):
        if text is None:
            far = Fraction(10**9)
            return {"unknown": None, "skipped": None, "zero": Fraction(0), "worst": far if direction == "less" else -far}[missing]
        amount, unit = text.split()
        value = Fraction(amount) * (UNITS[unit] if units else 1)
        return value

    def gains(a, b):
        """How much better a is than b in each measure; None where that is not known."""
        found = []
        for name, direction in better.items():
            x, y = number(a[name], direction), number(b[name], direction)
            gain = None if x is None or y is None else (y - x if direction == "less" or less else x - y)
            found.append(gain)
        return [gain for gain in found if gain is not None] if missing == "skipped" else found

    def dominates(a, b):
        found = gains(a, b)
        if None in found or not found:
            return False
        if strict:
            return all(gain > 0 for gain in found)
        return all(gain >= 0 for gain in found) and (ties or any(gain > 0 for gain in found))

    beaten = {b for a, b in itertools.permutations(table, 2) if dominates(table[a], table[b])}
    left = [tool for tool in table if (tool in beaten) == turned]
    return sorted(left) if alphabet else left


PARETO_MISCONCEPTIONS = {
    "units ignored": (
        dict(units=False),
        "Yours compares the numbers without their units: 300 ms is less than 1 s. Bring both to one unit first.",
    ),
    "less is always better": (
        dict(less=True),
        'Yours takes less for better everywhere. `better` says of each measure which way: of requests a second, "more".',
    ),
    "better in everything": (
        dict(strict=True),
        "Yours calls a tool dominated only when another is better in *every* measure. No worse in all and better in one "
        "is enough.",
    ),
    "equals drop out": (
        dict(ties=True),
        "Two tools with the same values do not dominate each other: neither is better in anything. Yours drops both.",
    ),
    "missing is nothing": (
        dict(missing="zero"),
        "Yours takes None for 0. It means that nobody measured it: with it, nothing is known, and nothing is dominated.",
    ),
    "missing is worst": (
        dict(missing="worst"),
        "Yours takes None for the worst value of all. It means that nobody measured it; it may be the best.",
    ),
    "missing is left out": (
        dict(missing="skipped"),
        "Where a value is None, yours compares the other measures and decides. The tool may be better in just that one: "
        "as long as "
        "it is not known, neither of the two dominates the other.",
    ),
    "the dominated ones": (
        dict(turned=True),
        "Yours returns the tools that are dominated. Wanted are those that are left.",
    ),
    "another order": (
        dict(alphabet=True),
        "Return the tools in the order of the table; yours are sorted by name.",
    ),
}


def judge_undominated(evidence, rng):
    asked = tables(rng)
    got = _got(evidence, len(asked))
    if got is None:
        return not_yet(DAMAGED)
    if not all(isinstance(value, list) for value in got):
        wrong = next(value for value in got if not isinstance(value, list))
        return not_yet(f"Return a list of names; yours returned {_short(wrong)}.", "no list")
    want = [undominated(*one) for one in asked]
    if got == want:
        return passed("What is left is a matter of taste, and that is what the talk should be about.")
    named = _named(got, PARETO_MISCONCEPTIONS, lambda twist: [undominated(*one, **twist) for one in asked])
    if named:
        return named
    (table, _), w, g = min(
        (row for row in zip(asked, want, got, strict=True) if row[1] != row[2]), key=lambda row: len(str(row[0]))
    )
    told = "; ".join(f"{tool}: {', '.join(f'{name} {value}' for name, value in row.items())}" for tool, row in table.items())
    return not_yet(f"Of these, {w} are left, and yours says {_short(g)}. {told or 'There are no tools'}.")


# --- 62.3: the smallest set of tools ------------------------------------------------------------------------------------

ABILITIES = ("params", "curve", "file", "search", "alias", "graph")
TOOLS = ("aim", "board", "clear", "dvc", "mlflow", "wandb")


def situations(rng):
    """Each: what is needed, what each tool can do, its seconds, and the tools that may not be used."""
    can = {
        "mlflow": ["params", "curve", "file", "search", "alias"],
        "board": ["params", "curve", "graph"],
        "wandb": ["params", "curve", "file"],
    }
    cost = {"mlflow": 5, "board": 1, "wandb": 2}
    found = [
        ([], can, cost, []),
        (["graph"], can, cost, []),
        (["graph", "alias"], can, cost, []),
        (["file"], can, cost, ["wandb"]),
        (["graph"], can, cost, ["board"]),
        (["video"], can, cost, []),
        (["params"], {}, {}, []),
        ([], {}, {}, []),
    ]
    # Greedy takes the largest first, and then needs two more; and three cheap ones cost less than two.
    trap = {
        "aim": ["params", "curve", "file", "search"],
        "board": ["params", "curve", "alias"],
        "clear": ["file", "search", "graph"],
    }
    found += [(list(ABILITIES), trap, {"aim": 1, "board": 9, "clear": 9}, [])]
    found += [
        (
            ["params", "curve"],
            {"aim": ["params"], "board": ["curve"], "clear": ["params", "curve"]},
            {"aim": 1, "board": 1, "clear": 9},
            [],
        )
    ]
    found += [_all_needed(tools, rng) for tools in (TOOLS, TOOLS[:3], TOOLS[1:5], TOOLS[:4], TOOLS[:5], TOOLS[1:])]
    for _ in range(150):
        tools = [TOOLS[place] for place in rng.permutation(len(TOOLS))[: int(rng.integers(2, 7))]]
        can = {tool: [name for name in ABILITIES if rng.random() < 0.42] for tool in tools}
        cost = {tool: int(rng.integers(1, 6)) for tool in tools}
        needs = [name for name in ABILITIES if rng.random() < 0.55]
        found.append((needs, can, cost, [tool for tool in tools if rng.random() < 0.15]))
    return found


def _all_needed(tools, rng):
    """A situation in which each tool can do something that no other can."""
    can = {tool: [name] for tool, name in zip(tools, rng.permutation(ABILITIES).tolist(), strict=False)}
    needs = [name for names in can.values() for name in names]
    can[tools[0]] = can[tools[0]] + can[tools[-1]][:1] * (rng.random() < 0.5)
    can[tools[-1]] = [*can[tools[-1]], "video"]
    return [*needs, "video"], can, {tool: int(rng.integers(1, 6)) for tool in tools}, []


def probe_choose(answer, rng):
    given = [
        (set(needs), {t: set(a) for t, a in can.items()}, dict(cost), set(barred)) for needs, can, cost, barred in situations(rng)
    ]
    return {"answers": [answer(*one) for one in given]}


def smallest(needs, can, cost, barred, *, obey=True, count=True, seconds=True, none=None, least=0, most=9, greedy=False):
    """The oracle: all sets, the best by number, seconds and names. Each keyword is a twist behind a misconception."""
    tools, needs = sorted(set(can) - (set(barred) if obey else set())), set(needs)
    if greedy:
        return _greedily(needs, can, cost, tools, none)
    sets = [some for n in range(least, min(most, len(tools)) + 1) for some in itertools.combinations(tools, n)]
    good = [some for some in sets if needs <= {ability for tool in some for ability in can[tool]}]

    def rank(some):
        return (len(some) if count else 0, sum(cost[tool] for tool in some) if seconds else 0, some)

    return list(min(good, key=rank)) if good else none


def _greedily(needs, can, cost, tools, none):
    taken = []
    while needs:
        best = min(tools, key=lambda tool: (-len(needs & set(can[tool])), cost[tool], tool), default=None)
        if best is None or not needs & set(can[best]):
            return none
        taken.append(best)
        needs = needs - set(can[best])
    return sorted(taken)


CHOOSE_MISCONCEPTIONS = {
    "barred ones used": (
        [dict(obey=False), dict(obey=False, greedy=True)],
        "Yours uses tools that are barred. Take them out before anything else.",
    ),
    "greedy": (
        dict(greedy=True),
        "Yours takes the tool that meets most needs, then the next. Two others may meet all where that way takes three: "
        "look at all sets.",
    ),
    "cheapest first": (
        dict(count=False),
        "Yours looks for the fewest seconds. The fewest *tools* come first, since each has to be learned; seconds decide "
        "among equals.",
    ),
    "seconds forgotten": (
        dict(seconds=False),
        "Among sets of the same number of tools, the one with the fewest seconds in total is wanted; yours goes by the names.",
    ),
    "one tool for all": (
        [dict(most=1)],
        "Yours gives up when no single tool meets all needs. Two or more together may.",
    ),
    "small sets only": (
        [dict(most=n) for n in range(2, len(TOOLS))],
        "Yours looks at small sets only, and says None where more tools are needed. Try all sizes, up to all the tools.",
    ),
    "empty where impossible": (
        dict(none=[]),
        "Where the needs cannot be met, return None. An empty list says that nothing is needed.",
    ),
    "something where nothing": (
        dict(least=1),
        "Where nothing is needed, the smallest set is empty: return [].",
    ),
}


def judge_choose(evidence, rng):
    asked = situations(rng)
    got = _got(evidence, len(asked))
    if got is None:
        return not_yet(DAMAGED)
    want = [smallest(*one) for one in asked]
    if got == want:
        return passed("The fewest tools that do all that is asked for: the rest is habit.")
    if not all(value is None or isinstance(value, list) for value in got):
        wrong = next(value for value in got if value is not None and not isinstance(value, list))
        return not_yet(f"Return a list of names, or None; yours returned {_short(wrong)}.", "no list")
    if [value if value is None else sorted(map(str, value)) for value in got] == want:
        return not_yet("The right tools; but the list should be sorted by name.", "not sorted")
    named = _named(got, CHOOSE_MISCONCEPTIONS, lambda twist: [smallest(*one, **twist) for one in asked])
    if named:
        return named
    right = sum(w == g for w, g in zip(want, got, strict=True))
    (needs, can, cost, barred), w, g = min(
        (row for row in zip(asked, want, got, strict=True) if row[1] != row[2]), key=lambda row: len(str(row[0]))
    )
    abilities = "; ".join(f"{tool} ({cost[tool]} s): {', '.join(can[tool]) or 'nothing'}" for tool in can) or "no tools"
    return not_yet(
        f"{right} of {len(asked)} situations are right. Needed: {', '.join(needs) or 'nothing'}. {abilities}. "
        f"Barred: {', '.join(barred) or 'none'}. The answer is {w}; yours is {_short(g)}."
    )


# --- 62.4: what was lost ------------------------------------------------------------------------------------------------

KINDS = ("params", "curve", "files")


def trials(rng):
    """Each: what was written, what each tool gave back, and which kinds each tool keeps."""
    found = []
    for number in range(48):
        n = int(rng.integers(3, 30))
        scale = (1, 1, -1, 5e3, 1, 0.02)[number % 6]
        written = {
            "params": {"rate": float(rng.choice([0.1, 0.25])), "steps": n, "seed": 0, "origin": "JFK"},
            "curve": {str(step): 0.0 if step == 2 else scale * float(rng.random() + 0.1) for step in range(n)},
            "files": {"model.onnx": f"{rng.integers(10**6):06d}", "notes.txt": f"{rng.integers(10**6):06d}"},
        }
        if number % 5 == 4:
            written["files"] = {}
        read, keeps = {}, {}
        for tool in ("mlflow", "wandb", "board"):
            keeps[tool] = [kind for kind in KINDS if kind == "curve" or rng.random() < 0.7]
            read[tool] = _read_back(written, keeps[tool], tool, rng)
        if number % 4 == 3:
            keeps["other"] = ["params", "files"]  # a tool that nobody read
        found.append((written, read, keeps))
    return found


def _read_back(written, keeps, tool, rng):
    """What a tool gives back: some is gone, some is changed, something of an earlier run may be there."""
    cut = int(rng.choice([0, 1, len(written["curve"]) // 2, len(written["curve"])], p=[0.2, 0.1, 0.3, 0.4]))
    read = {
        "params": dict(written["params"]),
        "curve": dict(list(written["curve"].items())[:cut]),
        "files": dict(written["files"]),
    }
    if tool == "mlflow":
        read["params"] = {name: str(value) for name, value in read["params"].items()}
    if tool == "board":  # single precision
        read["curve"] = {step: value * (1 + 3e-8) for step, value in read["curve"].items()}
    for step in list(read["curve"])[1:7]:  # by half, a third or five times a millionth, and by more
        read["curve"][step] *= 1 + float(rng.choice([0, 3e-10, 5e-7, -3e-7, 5e-6, -5e-5, 4e-4]))
    if rng.random() < 0.4 and read["curve"]:
        read["curve"]["0"] += 0.5
    if rng.random() < 0.3:
        read["params"].pop("rate")
    if rng.random() < 0.4 and read["files"]:
        read["files"]["model.onnx"] = "damaged"
    if rng.random() < 0.4:
        read["params"] |= {"old": "1"}
        read["curve"] |= {"9999": 0.5}
    kept = {kind: read[kind] for kind in keeps}
    return {kind: items for kind, items in kept.items() if items or rng.random() < 0.5}


def probe_lost(answer, rng):
    answers = []
    for written, read, keeps in trials(rng):
        given = {
            kind: ({int(s): v for s, v in items.items()} if kind == "curve" else dict(items)) for kind, items in written.items()
        }
        back = {
            tool: {
                kind: ({int(s): v for s, v in items.items()} if kind == "curve" else dict(items)) for kind, items in kinds.items()
            }
            for tool, kinds in read.items()
        }
        answers.append(answer(given, back, {tool: list(kinds) for tool, kinds in keeps.items()}))
    return {"answers": answers}


def lost(
    written,
    read,
    keeps,
    *,
    never=True,
    values=True,
    exact=False,
    typed=False,
    zeros=False,
    lengths=False,
    blame=False,
    empty=False,
    falsy=False,
):
    """The oracle. Each keyword is a twist behind a misconception; `exact` may be a comparison of two numbers."""
    found = {}
    for tool in read:
        gone = {}
        for kind in KINDS:
            if kind not in keeps[tool] and not blame:
                continue
            back = {name: value for name, value in read[tool].get(kind, {}).items() if value or not falsy}
            n = sum(not _same(kind, name, value, back, values, exact, typed) for name, value in written[kind].items())
            n = max(0, len(written[kind]) - len(back)) if lengths else n
            if n or zeros:
                gone[kind] = n
        missing = sorted(kind for kind in KINDS if kind not in keeps[tool] and (written[kind] or empty)) if never else []
        found[tool] = {"lost": gone, "never kept": missing}
    return found


def _same(kind, name, value, back, values, exact, typed):
    if name not in back:
        return False
    if not values:
        return True
    if kind == "curve":
        if callable(exact):
            return exact(value, back[name])
        return value == back[name] if exact else math.isclose(value, back[name], rel_tol=1e-6)
    return value == back[name] if typed or kind == "files" else str(value) == str(back[name])


def _within(part, fixed=0.0):
    return dict(exact=lambda a, b: math.isclose(a, b, rel_tol=part) or abs(a - b) <= fixed + part * abs(b))


def _either(a, b):
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)


def _same_places(a, b):
    return round(a, 6) == round(b, 6)


LOST_MISCONCEPTIONS = {
    "never kept is not lost": (
        [dict(blame=True), dict(blame=True, never=False)],
        "Yours counts as lost what a tool never keeps. Only the kinds in `keeps` can be lost; the others are *never kept*.",
    ),
    "changed is lost": (
        dict(values=False),
        "Yours looks only whether something came back under its name. What came back with another value is lost too.",
    ),
    "lengths only": (
        dict(lengths=True),
        "Yours compares how many came back. One item too many, of an earlier run, then hides one that is lost: compare "
        "item by item.",
    ),
    "single precision": (
        dict(exact=True),
        "Yours wants the numbers of a curve equal to the last bit. Some tools keep single precision: within a millionth "
        "is the same.",
    ),
    "a fixed distance": (
        [dict(exact=lambda a, b: abs(a - b) <= 1e-6), dict(exact=_same_places), _within(1e-6, 1e-6), dict(exact=_either)],
        "Yours calls two numbers the same at a fixed distance. A millionth *of itself* is 0.005 for 5000, and "
        "0.00000002 for 0.02: compare the distance with a millionth of the number.",
    ),
    "too wide": (
        [_within(1e-3), _within(1e-4), _within(1e-5), _within(1e-5, 1e-8)],
        "Yours lets numbers pass that differ by more than a millionth of themselves: 1e-6. (isclose of NumPy allows "
        "1e-5 unless told otherwise, and 1e-8 on top.)",
    ),
    "too narrow": (
        [_within(1e-7), _within(1e-8), _within(1e-9)],
        "Yours counts numbers as lost that are within a millionth of themselves: 1e-6. (math.isclose allows 1e-9 unless "
        "told otherwise.)",
    ),
    "negative numbers": (
        dict(exact=lambda a, b: abs(a - b) <= 1e-6 * a),
        "Yours counts every negative number as lost: a millionth of it is negative, and no distance is below that. Take "
        "the millionth of abs(number).",
    ),
    "zero is nothing": (
        dict(falsy=True),
        "Yours takes a 0 that came back for one that did not. Ask whether the name is among what came back, not whether "
        "its value is true.",
    ),
    "text is enough": (
        dict(typed=True),
        'Yours calls a parameter lost that came back as text. "0.1" is 0.1 written down: compare the two as text.',
    ),
    "nothing is not told": (
        dict(zeros=True),
        "Yours lists kinds of which nothing was lost. Leave them out: `lost` has only the kinds with 1 or more.",
    ),
    "never written": (
        dict(empty=True),
        "Yours says of a kind that it is never kept where nothing of that kind was written. Leave it out then.",
    ),
}


def judge_lost(evidence, rng):
    asked = trials(rng)
    got = _got(evidence, len(asked))
    if got is None:
        return not_yet(DAMAGED)
    wrong = next((value for value in got if not _is_told(value)), None) if not all(map(_is_told, got)) else None
    if wrong is not None or not all(map(_is_told, got)):
        return not_yet(
            f'Return a dict: for each tool one with "lost" and "never kept"; yours returned {_short(wrong)}.', "another form"
        )
    want = [lost(*one) for one in asked]
    if got == want:
        return passed("You can say what a crash costs, tool by tool, and what was never promised.")
    named = _named(got, LOST_MISCONCEPTIONS, lambda twist: [lost(*one, **twist) for one in asked])
    if named:
        return named
    for (written, read, keeps), w, g in zip(asked, want, got, strict=True):
        for tool in w:
            if g.get(tool) != w[tool]:
                amounts = {kind: len(items) for kind, items in written.items()}
                return not_yet(
                    f"{tool} keeps {keeps[tool]}; written were {amounts}.{_story(written, read[tool], keeps[tool])} The "
                    f"answer is {w[tool]}; yours is {_short(g.get(tool))}."
                )
    return not_yet("Your answer names tools that were not read. Return one entry for each tool in `read`.")


def _story(written, read, keeps):
    """What became of the items of each kind, so that the case can be done again by hand."""
    told = ""
    for kind in keeps:
        back = read.get(kind, {})
        gone = sum(name not in back for name in written[kind])
        changed = [name for name, value in written[kind].items() if name in back and repr(back[name]) != repr(value)]
        told += f" Of {kind}, {gone} did not come back" if gone else ""
        marks = [
            f"{name}: {written[kind][name]!r} came back as {back[name]!r} "
            f"({'the same' if _same(kind, name, written[kind][name], back, True, False, False) else 'lost'})"
            for name in changed
        ]
        told += f"{';' if gone else f' Of {kind},'} {', '.join(marks[:6])}" if marks else ""
        told += f", and {len(marks) - 6} more like these" if len(marks) > 6 else ""
        told += "." if gone or marks else ""
    return told


def _is_told(value):
    return isinstance(value, dict) and all(
        isinstance(told, dict) and set(told) == {"lost", "never kept"} for told in value.values()
    )


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/62_choosing_tools.ipynb"

QUESTIONS = {
    "62.1": Question(
        title="Lines of code",
        probe=probe_lines,
        judge=judge_lines,
        hints=(
            "Two tools of Python's own: tokenize splits a source into tokens with their lines, ast knows which text is a "
            "docstring.",
            "Collect in a set the lines of all tokens but COMMENT, NL, NEWLINE, INDENT, DEDENT and ENDMARKER. A token "
            "covers the lines "
            "token.start[0] to token.end[0], both included.",
            "Docstrings: for each node of ast.walk(tree) that is a Module, ClassDef, FunctionDef or AsyncFunctionDef and has "
            "ast.get_docstring(node, clean=False) not None, leave out the lines node.body[0].lineno to node.body[0].end_lineno.",
        ),
        notebook=SOLUTION,
        misconceptions=("no number", *LINES_MISCONCEPTIONS),
    ),
    "62.2": Question(
        title="Dominated tools",
        probe=probe_undominated,
        judge=judge_undominated,
        hints=(
            "First a function that makes a number in one unit of a text, or None. Then one that says whether a dominates b.",
            "Turn the sign where more is better; then less is better everywhere. Any None: not dominated.",
            "all(x <= y for x, y in pairs) and any(x < y for x, y in pairs), with the values of a and b in pairs. Keep "
            "each tool that "
            "no other one dominates.",
        ),
        notebook=SOLUTION,
        misconceptions=("no list", *PARETO_MISCONCEPTIONS),
    ),
    "62.3": Question(
        title="The smallest set of tools",
        probe=probe_choose,
        judge=judge_choose,
        hints=(
            "There are few tools, so try all sets: of no tool, of one, of two, and so on. itertools.combinations makes them.",
            "Of the sets that meet all needs take the smallest by (number of tools, seconds in total, sorted names).",
            "min(good, key=lambda tools: (len(tools), sum(seconds[t] for t in tools), tools), default=None), where "
            "`tools` are tuples "
            "out of combinations(sorted(set(can) - barred), n).",
        ),
        notebook=SOLUTION,
        misconceptions=("no list", "not sorted", *CHOOSE_MISCONCEPTIONS),
    ),
    "62.4": Question(
        title="What was lost",
        probe=probe_lost,
        judge=judge_lost,
        hints=(
            "For each tool go through the three kinds. Is the kind in keeps[tool]? If not, it can only be never kept.",
            "A kind may be absent in read[tool]: read[tool].get(kind, {}) is empty then, and all of that kind is lost.",
            "Same: for the curve math.isclose(a, b, rel_tol=1e-6), for parameters str(a) == str(b), for files a == b. Count the "
            "written items that are absent or not the same.",
        ),
        notebook=SOLUTION,
        misconceptions=("another form", *LOST_MISCONCEPTIONS),
    ),
}
