"""The picture of the whole system that opens each lesson, with the part that the lesson adds lit up."""

from html import escape
from pathlib import Path

# part: (label, what stands under it, left, top)
PARTS = {
    "data": ("Data", "flights, weather", 20, 50),
    "training": ("Training", "scikit-learn", 210, 50),
    "tracking": ("Tracking", "every run on record", 400, 50),
    "registry": ("Registry", "which model is in use", 590, 50),
    "service": ("Service", "predictions over HTTP", 590, 220),
    "apps": ("Apps", "pages for people", 780, 220),
    "monitoring": ("Monitoring", "drift, alerts", 400, 220),
    "feedback": ("Feedback", "people correct it", 210, 220),
}
FRAMES = {  # label, its height, left, top, width, height
    "pipeline": ("Pipeline: tests, trains and logs on each push", 36, 8, 14, 746, 108),
    "platform": ("Platform: the same containers on any machine", 298, 196, 204, 742, 106),
}
ARROWS = [  # from, to: both ends touch the boxes
    ((170, 78), (210, 78)),
    ((360, 78), (400, 78)),
    ((550, 78), (590, 78)),
    ((665, 106), (665, 220)),
    ((780, 248), (740, 248)),
    ((590, 248), (550, 248)),
    ((400, 248), (360, 248)),
    ((285, 220), (285, 106)),
]
LIT = {  # notebook: the parts it adds
    "00_start_here": tuple(PARTS),
    "11_what_is_mlops": ("pipeline", "tracking", "monitoring"),
    "12_ml_lifecycle": ("data", "training", "service", "monitoring"),
    "21_why_experiment_tracking": ("tracking",),
    "22a_mlflow": ("tracking", "registry"),
    "22b_weights_and_biases": ("tracking",),
    "22c_tensorboard": ("training", "tracking"),
    "23_compare_and_reproduce": ("tracking", "registry"),
    "31_rest_api": ("service",),
    "32_interactive_apps": ("apps",),
    "33a_cloud": ("service", "platform"),
    "33b_on_prem": ("service", "platform"),
    "33c_edge": ("training", "service"),
    "41_why_ci_cd": ("pipeline",),
    "42a_github_actions": ("pipeline",),
    "42b_dvc": ("data", "pipeline"),
    "42c_jenkins_and_mlflow_projects": ("pipeline",),
    "51_post_deployment_monitoring": ("monitoring",),
    "52_logging_and_alerting": ("service", "monitoring"),
    "53_human_in_the_loop": ("feedback", "registry"),
    "54_incident_room": ("monitoring", "feedback"),
    "61a_containers": ("service", "apps", "tracking", "monitoring", "platform"),
    "61b_kubernetes": ("service", "monitoring", "platform"),
    "61c_many_machines": ("training", "tracking", "platform"),
    "62_choosing_tools": ("tracking", "registry", "service", "apps", "data", "pipeline"),
    "70_capstone": ("data", "training", "tracking", "registry", "service", "apps", "monitoring", "pipeline"),
}
WIDTH, HEIGHT, BOX_WIDTH, BOX_HEIGHT = 950, 320, 150, 56


def picture(lit):
    """Draw the system.

    Parameters
    ----------
    lit : iterable of str
        Keys of `PARTS` and `FRAMES`; the rest is grey.

    Returns
    -------
    str
        SVG on a ground of its own, so that it reads in light and dark themes; its description names the lit parts.

    Raises
    ------
    ValueError
        A part that the system does not have.
    """
    lit = list(lit)
    unknown = [name for name in lit if name not in PARTS and name not in FRAMES]
    if unknown:
        raise ValueError(f"The system has no part {unknown[0]!r}; its parts: {', '.join([*PARTS, *FRAMES])}.")
    names = ", ".join(({**PARTS, **FRAMES}[name][0]).split(":")[0] for name in lit) or "none"
    body = [_frame(*FRAMES[name], name in lit) for name in FRAMES]
    body += [_arrow(start, end) for start, end in ARROWS]
    body += [_box(*PARTS[name], name in lit) for name in PARTS]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
            ' font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" text-anchor="middle">',
            f"<title>The flight-delay system; lit up: {escape(names)}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0 8 4 0 8z" fill="#767676"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#ffffff"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def write_pictures(folder):
    """Write the picture of each lesson in `LIT`.

    Parameters
    ----------
    folder : pathlib.Path
        Made if absent; the files are named after the notebooks.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, lit in LIT.items():
        (Path(folder) / f"{name}.svg").write_text(picture(lit), encoding="utf-8", newline="\n")


def _box(label, under, left, top, lit):
    fill, ink, edge = ("#0b5c8a", "#ffffff", "#0b5c8a") if lit else ("#f4f4f4", "#595959", "#c4c4c4")
    middle = left + BOX_WIDTH // 2
    return (
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'  # noqa: E501
        f'<text x="{middle}" y="{top + 24}" font-size="16" font-weight="600" fill="{ink}">{escape(label)}</text>'
        f'<text x="{middle}" y="{top + 43}" font-size="12.5" fill="{ink}">{escape(under)}</text>'
    )


def _frame(label, label_at, left, top, width, height, lit):
    ink = "#0b5c8a" if lit else "#6b6b6b"
    line = f'stroke="{ink}" stroke-width="2.5"' if lit else 'stroke="#c4c4c4" stroke-width="1.5" stroke-dasharray="6 4"'
    return (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="12" fill="none" {line}/>'
        f'<text x="{left + 14}" y="{label_at}" font-size="13" text-anchor="start" fill="{ink}">{escape(label)}</text>'
    )


def _arrow(start, end):
    return f'<path d="M{start[0]} {start[1]}L{end[0]} {end[1]}" stroke="#767676" stroke-width="1.8" marker-end="url(#tip)"/>'
