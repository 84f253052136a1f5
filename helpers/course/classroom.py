"""What the classroom's pages share: their looks, and how a text that somebody else wrote is shown."""

import datetime
import functools
import unicodedata
from pathlib import Path

import jinja2

FILES = Path(__file__).with_name("classroom_files")
# Marks that turn the direction of what comes after them. A name that needs none of them is shown right, in a <bdi>.
TURNS = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
STACKED = 3  # marks on one letter; Vietnamese needs two, and hundreds would cover the lines above


def shown(text, longest=200):
    """Make a text fit to be shown in one line. It is not escaped: the templates do that.

    Parameters
    ----------
    text : object
        Anything; what is no text is turned into it.
    longest : int, optional
        Characters; what is longer ends in "…".

    Returns
    -------
    str
        White space of any kind is one blank. Marks that turn the direction of writing are gone, other control characters and
        what is no character at all are "�", and of accents piled on one letter three are left.
    """
    text = text if isinstance(text, str) else str(text)
    text = " ".join(text[: 4 * longest + 100].split()) if len(text) > 4 * longest + 100 else " ".join(text.split())
    if not (text.isascii() and text.isprintable()):
        text = "".join(_safe_characters(unicodedata.normalize("NFC", text)))
    return text if len(text) <= longest else text[: longest - 2].rstrip() + " …"


def when(text):
    """Write a time for people.

    Parameters
    ----------
    text : str
        ISO.

    Returns
    -------
    str
        Such as "24 Nov 2026, 10:00 UTC"; "" if it is no time.
    """
    try:
        time = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return ""
    return f"{time.day} {time:%b %Y, %H:%M %Z}".strip()


def render(template, **values):
    """Make a page, complete in itself.

    Parameters
    ----------
    template : str
        A file of `classroom_files/`.
    **values : object
        What the template names; all of it is escaped.

    Returns
    -------
    str
        HTML. It asks for nothing outside.
    """
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"shown": shown, "when": when, "many": _many}
    return environment


def _many(number, one, more=None):
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _safe_characters(text):
    stacked = 0
    for letter in text:
        kind = unicodedata.category(letter)
        stacked = stacked + 1 if kind in ("Mn", "Me") else 0
        if ord(letter) not in TURNS and stacked <= STACKED:
            yield "�" if kind in ("Cc", "Cs", "Cn", "Co") else letter
