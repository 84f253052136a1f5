"""What axe-core, the usual checker of accessibility, finds on a page that is open in Chromium."""

GRAVE = ("serious", "critical")
SCHEMES = ("light", "dark")


def serious(page, within=None):
    """What axe finds serious or critical, in the light theme and in the dark.

    Parameters
    ----------
    page : playwright.sync_api.Page
        Open, and drawn. Its colour scheme is set back to the system's afterwards.
    within : str, optional
        A CSS selector: only this part of the page is looked at. For a page of which another's program draws the rest.

    Returns
    -------
    list of str
        One line for each element: theme, impact, rule, the element, what is wrong. Empty if all is well.

    Raises
    ------
    playwright.sync_api.Error
        Nothing on the page matches `within`.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(50)  # what a change of colours sets off has ended
        for violation in Axe().run(page, within).response["violations"]:
            if violation["impact"] in GRAVE:
                found += [_line(scheme, violation, node) for node in violation["nodes"]]
    page.emulate_media(color_scheme=None, reduced_motion=None)
    return found


def _line(scheme, violation, node):
    problems = [check["message"] for check in [*node["any"], *node["all"], *node["none"]]]
    return f"{scheme}: {violation['impact']}: {violation['id']}: {node['html'][:160]}: {'; '.join(problems) or violation['help']}"
