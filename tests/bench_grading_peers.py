"""What nbgrader and otter-grader cost a submission, beside what the learner's own code takes, all on the same answers and checks.

Otter has a format of its own, so it grades a twin: the same cells and the same checks, made by its own `otter assign`.
"""

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_raw_cell

from helpers.course import extras, nbgrader_course
from tests.notebook_files import ROOT

EXERCISE = "11_what_is_mlops"
LEARNERS = 6
SIGNED = "# by learner {}"  # stands in each answer
# A kernel of the workbook's own Python that finds otter behind everything else.
WITH_OTTER = "import sys; sys.path.append({site!r}); from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"


@dataclass(frozen=True)
class Cost:
    """Seconds a submission: of one core, all processes together, and on the clock."""

    core: float
    wall: float


def measure(exercise=EXERCISE, learners=LEARNERS):
    """Lines for `tests.bench`: what was measured. The peers promise nothing."""
    if os.name == "nt":
        return [("grading by nbgrader and otter: not measured on Windows, which forgets what ended processes took", True)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        costs = compare(Path(folder), exercise, learners)
    own = costs.pop("own code").core
    return [
        (f"grading {exercise} by {name}: {cost.core - own:.1f} s of one core a submission beyond the learner's own "
         f"{own:.1f} s ({cost.wall:.1f} s on the clock, {learners} submissions)", True)
        for name, cost in costs.items()
    ]  # fmt: skip


def compare(folder, exercise=EXERCISE, learners=LEARNERS):
    """What each of "own code", "nbgrader" and "otter" costs a submission. All the work lies in `folder`, which is there."""
    handed_in = submissions(folder / "submissions", exercise, learners)
    return {
        "own code": own_code(folder / "own", handed_in),
        "nbgrader": nbgrader(folder / "nbgrader", handed_in),
        "otter": otter(folder / "otter", handed_in),
    }


def submissions(folder, exercise=EXERCISE, learners=LEARNERS):
    """Write right answers, no two alike to the byte: `folder/learner-1/EXERCISE/EXERCISE.ipynb`, and so on."""
    solved, found = solved_exercise(exercise), []
    for number in range(1, learners + 1):
        notebook = copy.deepcopy(solved)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source += f"\n\n{SIGNED.format(number)}"
        file = folder / f"learner-{number}" / exercise / f"{exercise}.ipynb"
        file.parent.mkdir(parents=True)
        nbformat.write(notebook, file)
        found.append(file)
    return found


def solved_exercise(exercise):
    """The exercise as a learner hands it in who has written what the solution has."""
    notebook = nbformat.read(ROOT / "exercises" / f"{exercise}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in nbformat.read(ROOT / "solutions" / f"{exercise}.ipynb", as_version=4).cells}
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            lines = answers[cell.id].splitlines()
            cell.source = "\n".join(line for line in lines if line.strip() not in ("### BEGIN SOLUTION", "### END SOLUTION"))
    return notebook


def own_code(folder, handed_in):
    """Each learner's cells as a plain script, without the checks."""
    folder.mkdir()
    scripts = []
    for number, file in enumerate(handed_in):
        cells = nbformat.read(file, as_version=4).cells
        own = [cell.source for cell in cells if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade")]
        scripts.append(folder / f"{number}.py")
        scripts[-1].write_text("\n\n".join(own), encoding="utf-8")
    return cost([[sys.executable, str(script)] for script in scripts], folder, len(scripts))


def nbgrader(folder, handed_in):
    """One `nbgrader autograde` for all of them, the course made before."""
    exercise = handed_in[0].stem
    nbgrader_course.make_course(folder)
    for file in handed_in:
        shutil.copytree(file.parents[1], folder / "submitted" / file.parents[1].name)
    program = str(extras.ensure("nbgrader").with_name("nbgrader"))
    environment = surroundings(folder, "nbgrader")
    run([program, "generate_assignment", exercise], folder, environment)
    taken = cost([[program, "autograde", exercise]], folder, len(handed_in), environment)
    run([program, "export", "--to", "grades.csv"], folder, environment)
    rows = [
        line.split(",") for line in (folder / "grades.csv").read_text(encoding="utf-8").splitlines() if line.startswith(exercise)
    ]
    assert len(rows) == len(handed_in) and all(row[-2] == row[-1] != "0.0" for row in rows), rows
    return taken


def otter(folder, handed_in):
    """One `otter run` for each, the twin assigned before."""
    folder.mkdir()
    program = str(extras.ensure("otter").with_name("otter"))
    environment = surroundings(folder, "otter")
    nbformat.write(otters_twin(nbformat.read(handed_in[0], as_version=4)), folder / "twin.ipynb")
    run([program, "assign", "--no-run-tests", "twin.ipynb", "made"], folder, environment)
    [judge] = (folder / "made" / "autograder").glob("*.zip")
    twin = (folder / "made" / "autograder" / "twin.ipynb").read_text(encoding="utf-8")
    assert SIGNED.format(1) in twin
    commands = []
    for number, file in enumerate(handed_in, start=1):
        name = file.parents[1].name
        (folder / name).mkdir()
        (folder / name / "twin.ipynb").write_text(twin.replace(SIGNED.format(1), SIGNED.format(number)), encoding="utf-8")
        commands.append([program, "run", "--no-logo", "-a", str(judge), "-o", name, f"{name}/twin.ipynb"])
    taken = cost(commands, folder, len(commands), environment)
    for file in handed_in:
        told = json.loads((folder / file.parents[1].name / "results.json").read_text(encoding="utf-8"))
        scores = [(test["score"], test["max_score"]) for test in told["tests"] if "score" in test]
        assert scores and all(score == most for score, most in scores), told
    return taken


def otters_twin(notebook):
    """The same cells between the marks that `otter assign` wants."""
    cells = [new_raw_cell("# ASSIGNMENT CONFIG\nname: twin\nexport_cell: false\ncheck_all_cell: false\ngenerate:\n  pdf: false")]
    for cell in notebook.cells:
        meta = cell.metadata.pop("nbgrader", {})
        if meta.get("solution"):
            name = meta["grade_id"].removesuffix("-answer")
            cells += [new_raw_cell(f"# BEGIN QUESTION\nname: q{name}\npoints: 1"), new_raw_cell("# BEGIN SOLUTION"), cell]
            cells.append(new_raw_cell("# END SOLUTION"))
        elif meta.get("grade"):
            cells += [new_raw_cell("# BEGIN TESTS"), new_code_cell(f'assert {cell.source}.outcome == "passed"')]
            cells += [new_raw_cell("# END TESTS"), new_raw_cell("# END QUESTION")]
        else:
            cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def surroundings(folder, extra):
    """The environment variables: the extra's programs first (nbgrader calls alembic), a progress of its own, one thread."""
    python = extras.ensure(extra)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    found = {**os.environ, "PATH": path, "WORKBOOK_DATA": str(folder / "progress"), "OMP_NUM_THREADS": "1"}
    if extra == "otter":
        [site] = python.parents[1].glob("lib/python*/site-packages")
        argv = [sys.executable, "-c", WITH_OTTER.format(site=str(site)), "-f", "{connection_file}"]
        kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), encoding="utf-8")
        found["JUPYTER_PATH"] = str(folder / "jupyter")
    return found


def cost(commands, folder, learners, environment=None):
    """Run commands one after another; what a submission cost. Every process that they started and waited for is counted."""
    import resource  # Windows has none

    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for command in commands:
        run(command, folder, environment)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    core = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(core / learners, wall / learners)


def run(command, folder, environment=None):
    told = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if told.returncode:
        raise RuntimeError(f"{command}\n{told.stdout[-2000:]}\n{told.stderr[-2000:]}")


if __name__ == "__main__":
    for line, _ in measure():
        print(line)
