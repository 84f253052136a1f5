"""Puts the pages of the handbook right: links, pictures, headings, tables; and reads them, for the search."""

import html
import posixpath
import re

import bs4
from nbconvert.filters.highlight import Highlight2HTML

from helpers.course.handbook_pages import file_url
from helpers.course.handbook_plan import HandbookError

PROGRAM = re.compile(r'<div class="program ([a-z]+)">(.*?)</div>', re.DOTALL)
HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def finish(root, page, pages, folder):
    """Put links, pictures, headings and tables of a page right.

    Parameters
    ----------
    root : pathlib.Path
    page : helpers.course.handbook_pages.Page
        Is changed.
    pages : dict of str to str
        What a link may name, from the workbook's top, to the address of its page.
    folder : str
        Whose links these are: the one the notebook is in, from the workbook's top.

    Returns
    -------
    (set of str, set of str)
        The files that still need a page, and the pictures to copy, from the workbook's top.

    Raises
    ------
    HandbookError
        A link or a picture leads nowhere.
    """
    files = _put_links(root, page, pages, folder)
    pictures = _put_pictures(root, page, folder)
    _name_headings(page.soup)
    _frame_tables(page.soup)
    return files, pictures


def relative(here, there):
    """The way from one page to another.

    Parameters
    ----------
    here : str
    there : str
        From the handbook's top.

    Returns
    -------
    str
    """
    return posixpath.relpath(there, posixpath.dirname(here) or ".")


def inside(page):
    """Write out what stands in a page's `main`, programs in colours.

    Parameters
    ----------
    page : helpers.course.handbook_pages.Page
        Finished.

    Returns
    -------
    str
        HTML.
    """
    highlight = Highlight2HTML()
    return PROGRAM.sub(lambda found: highlight(html.unescape(found[2]), language=found[1]), str(page.soup))


def sections(page):
    """Cut a page at its headings, for the search. Solutions and outputs are left out.

    Parameters
    ----------
    page : helpers.course.handbook_pages.Page
        Finished.

    Returns
    -------
    list of (str, str, str)
        Anchor, heading and text of each section.
    """
    found, skipped = [("", page.title, [])], ("output_wrapper", "solution")
    for node in page.soup.descendants:
        if isinstance(node, bs4.Tag):
            if node.name in HEADINGS and node.get("id"):
                found.append((node["id"], node.get_text(" ", strip=True), []))
            continue
        words = found[-1][2]
        around = list(node.parents)
        named = any(parent.name in HEADINGS for parent in around)
        if not named and not any(set(parent.get("class") or ()).intersection(skipped) for parent in around):
            words.append(str(node))
    texts = [(anchor, heading, " ".join("".join(words).split())) for anchor, heading, words in found]
    return [row for row in texts if row[0] or row[2]]


def _put_links(root, page, pages, folder):
    files = set()
    for link in page.soup.find_all("a", href=True):
        target, _, anchor = link["href"].partition("#")
        if not target or re.match(r"(https?|mailto):", target):
            continue
        source = posixpath.normpath(posixpath.join(folder, target))
        if source not in pages and not (root / source).exists():
            raise HandbookError(f"{page.url} links to {source}, which is not there: correct the link.")
        if source not in pages and (root / source).is_file():
            files.add(source)
        to = pages.get(source) or (file_url(source) if source in files else "index.html#lessons")
        link["href"] = relative(page.url, to) + (f"#{anchor}" if anchor else "")
    return files


def _put_pictures(root, page, folder):
    pictures = set()
    for image in page.soup.find_all("img"):
        if not image.get("alt", "").strip():
            raise HandbookError(f"{page.url} has a picture without a text that stands for it: ![the text](the picture).")
        if image["src"].startswith("data:"):
            continue
        source = posixpath.normpath(posixpath.join(folder, image["src"]))
        if not (root / source).is_file():
            raise HandbookError(f"{page.url} shows {source}, which is not there: correct its address.")
        pictures.add(source)
        image["src"] = relative(page.url, f"pictures/{posixpath.basename(source)}")
    return pictures


def _name_headings(soup):
    taken = set()
    for heading in soup.find_all(HEADINGS):
        name = re.sub(r"[^\w]+", "-", heading.get_text().lower()).strip("-") or "section"
        count = 1
        while f"{name}-{count}" in taken or (count == 1 and name in taken):
            count += 1
        heading["id"] = name if count == 1 else f"{name}-{count}"
        taken.add(heading["id"])


def _frame_tables(soup):
    """A wide table scrolls in a frame of its own; its heads say what they head; an empty head is no head."""
    for table in soup.find_all("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "scroll"}))
        for head in table.find_all("th"):
            if not head.get_text(strip=True):
                head.name = "td"
            else:
                head["scope"] = "col" if head.find_parent("thead") else "row"
