"""Takes a lesson's prose apart: its blocks, the sentences that a slide shows of them, how many words there are to say."""

import re

SHOWN = 30  # words of a paragraph that a slide shows: as many of its first sentences as fit in, at least one
ITEM = re.compile(r"^(?:[-*]|\d+\.)\s")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
PREDICT = "**Predict:**"
END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][*)”])|(?<=[.!?]\*\*))\s+(?![a-z])")  # of a sentence


def blocks(text):
    """Cut Markdown into blocks.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of (str, str)
        Kind and source, in order: "heading", "paragraph", "item" (of a list), "table", "picture", "program". Lines in which
        there is nothing but links (the way to other lessons) are left out; so are empty ones.
    """
    found, kind, lines, fenced = [], "", [], False
    for line in [*text.splitlines(), ""]:
        now = "program" if fenced or line.startswith("```") else _kind(line, kind)
        if line.startswith("```"):
            fenced = not fenced
        if now != kind or now in ("item", "heading") and _kind(line, "") == now:
            found.append((kind, "\n".join(lines)))
            lines = []
        kind = now
        lines.append(line)
    found.append((kind, "\n".join(lines)))
    return [(kind, source) for kind, source in found if kind and not _is_only_links(kind, source)]


def lead(text, words=SHOWN):
    """What a slide shows of a paragraph or an item.

    Parameters
    ----------
    text : str
        Markdown.
    words : int
        As many first sentences as have no more words than this, but one at least.

    Returns
    -------
    str
    """
    shown = ""
    for sentence in sentences(text):
        longer = f"{shown} {sentence}".strip()
        if shown and len(spoken(longer)) > words:
            break
        shown = longer
    return shown


def sentences(text):
    """Cut a paragraph into sentences; emphasis, code and brackets stay whole.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    list of str
    """
    found, rest = [], ""
    for part in END.split(" ".join(text.split())):
        rest = f"{rest} {part}".strip()
        if rest and _is_whole(rest):
            found.append(rest)
            rest = ""
    return [*found, rest] if rest else found


def prediction(text):
    """Take the question to the room out of a paragraph.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    (str, str)
        What comes before it, and the prediction from its first word on; "" where there is none.
    """
    before, mark, after = text.partition(PREDICT)
    return before.strip(), (mark + after).strip()


def spoken(text):
    """The words that a speaker says.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    list of str
    """
    plain = LINK.sub(lambda found: "" if found[0].startswith("!") else found[1], text)
    return [word for word in re.split(r"[\s|]+", plain) if re.search(r"\w", word)]


def _kind(line, before):
    if not line.strip():
        return ""
    if line.startswith("#"):
        return "heading"
    if ITEM.match(line) or (before == "item" and line.startswith(" ")):
        return "item"
    if line.startswith("|"):
        return "table"
    if re.fullmatch(r"!\[[^\]]*\]\([^)]*\)", line.strip()):
        return "picture"
    return before if before in ("paragraph", "item") else "paragraph"


def _is_whole(text):
    return (
        text.count("**") % 2 == 0
        and text.count("`") % 2 == 0
        and text.count("(") <= text.count(")")
        and not text.endswith(("e.g.", "i.e."))
    )


def _is_only_links(kind, source):
    return kind == "paragraph" and "](" in source and not re.search(r"\w", re.sub(r"\[[^\]]*\]\([^)]*\)", "", source))
