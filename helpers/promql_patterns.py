"""The regular expressions of PromQL: those that cannot keep us busy.

Prometheus has RE2, which never goes back to try another way. Python's `re` does, and with some patterns it does so for hours. So
what RE2 does not know is refused as there; a repetition of a repetition, such as (a+)+, and a very long pattern are refused too.
"""

import re

LONGEST, MOST_REPEATS = 300, 8  # characters; repetitions in one pattern
REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")
# Escaped characters, sets of characters, the begins of groups, how often; everything else is one character.
PIECE = re.compile(rf"\\.|\[\^?\]?(?:\\.|[^]\\])*\]|\((?:\?(?:P<\w+>|[imsU-]*[:)]))?|{REPEAT.pattern}|.", re.DOTALL)


def read(text):
    """Read a pattern.

    Parameters
    ----------
    text : str

    Returns
    -------
    re.Pattern

    Raises
    ------
    re.error
        It is wrong, or outside what is evaluated here.
    """
    if len(text) > LONGEST:
        raise re.error(f"it has {len(text)} characters, and at most {LONGEST} are evaluated here")
    pieces = PIECE.findall(text)
    groups, repeats, last = [False], 0, False  # whether each open group holds a repetition; and the group that ended just now
    for before, piece in zip(["", *pieces], pieces, strict=False):
        if (before == "(" and piece == "?") or re.fullmatch(r"\\[1-9]", piece):
            raise re.error(f"{piece if before != '(' else '(?'} is nothing that Prometheus knows")
        repeat = REPEAT.fullmatch(piece)
        if repeat and last and piece != "?":
            raise re.error(f"a repetition of a repetition, at {piece}, is outside what is evaluated here")
        last = groups.pop() if piece == ")" and len(groups) > 1 else False
        groups[-1] = groups[-1] or last or bool(repeat)
        repeats += bool(repeat)
        if piece.startswith("(") and not piece.endswith(")"):
            groups.append(False)
    if repeats > MOST_REPEATS:
        raise re.error(f"it has {repeats} repetitions, and at most {MOST_REPEATS} are evaluated here")
    return re.compile(text)
