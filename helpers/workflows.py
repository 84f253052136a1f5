"""A GitHub of one's own: a push to a bare repository runs its workflow files with `act`; no Docker, no network, no account.

    remote = workflows.new_remote("work/42a/flights.git", env={"MLFLOW_TRACKING_URI": ui.local_url})

Then `git push` to it, and `workflows.runs(remote)` tells what came of it. For the actions of others there are stand-ins
(`helpers.workflow_actions`).
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpers import workflow_actions, workflow_files
from helpers.workflow_machine import WorkflowError, environment, git, program, temporary

SETTINGS = "workflows.json"  # in a remote: what its runs see
SECONDS = 120.0  # that one run may take
NOBODY = "0" * 40  # what Git calls the commit before the first
LABELS = [f"{system}-{version}" for system, versions in {
    "ubuntu": "latest 24.04 22.04", "windows": "latest 2025 2022", "macos": "latest 26 15 14 13",
}.items() for version in versions.split()]  # fmt: skip
LOUD = ("error", "warning", "notice")  # commands of a step that its log shows
SAYS = {"success": "ok", "failure": "failed", "skipped": "skipped"}


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of one workflow file. `print(run)` shows what a push shows.

    Attributes
    ----------
    number : int
        From 1, in the order of the runs of one remote.
    commit, ref, event, workflow : str
        `workflow` is the file's name.
    passed : bool
    error : str or None
        Why it could not run, or not to its end: not a valid workflow, an action that is not here, out of time.
    outcomes : dict of str to str
        "success", "failure" or "skipped" of each job, by its id; of a matrix, such as "train (3, JFK)".
    jobs : dict of str to list of dict
        The steps of each job: `name`, and `outcome` as above.
    seconds : float
    folder : pathlib.Path
        With `run.json`, `log.txt`, `summary.md`, and in `artifacts` a folder for each artifact.
    """

    number: int
    commit: str
    ref: str
    event: str
    workflow: str
    passed: bool
    error: str | None
    outcomes: dict
    jobs: dict
    seconds: float
    folder: Path

    @property
    def log(self):
        """What the steps printed, secrets masked."""
        return (self.folder / "log.txt").read_text(encoding="utf-8")

    @property
    def summary(self):
        """What the steps wrote to GITHUB_STEP_SUMMARY."""
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    def __str__(self):
        lines = [f"run {self.number}: {self.workflow}, {self.event} of {self.ref.split('/', 2)[-1]}"]
        for job, steps in self.jobs.items():
            lines += [f"  {job}: {step['name']}: {SAYS[step['outcome']]}" for step in steps]
        return "\n".join([*lines, f"run {self.number} {'passed' if self.passed else 'failed'}" + self._reason()])

    def _reason(self):
        return f": {self.error}" if self.error else ""


def new_remote(folder, *, env=None, variables=None, secrets=None, seconds=SECONDS):
    """Make a bare Git repository in which each push runs the workflows that it triggers, as on GitHub.

    `git push` shows the steps as lines with "remote:". It succeeds also where a run fails: what was pushed has been received.

    Parameters
    ----------
    folder : path-like
        New or empty.
    env : dict of str to str, optional
        What the machine that runs the steps has in its environment. Of this process's own, next to nothing is passed on.
    variables : dict of str to str, optional
        What `vars` gives in a workflow.
    secrets : dict of str to str, optional
        What `secrets` gives; `***` in the log. They lie in the remote in plain text.
    seconds : float, default SECONDS
        That a run may take; it is ended then.

    Returns
    -------
    pathlib.Path
        The folder, absolute.

    Raises
    ------
    WorkflowError
        Something lies in the folder, a value is no text, or git is absent.
    """
    folder = Path(folder).absolute()
    settings = {"env": env or {}, "variables": variables or {}, "secrets": secrets or {}, "seconds": seconds}
    _check(settings)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkflowError(f"{folder.name} is not an empty folder: name a new one, or remove this one first.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", "--bare", "--initial-branch", "main", "--template", "", str(folder))
    _write(folder / SETTINGS, settings)
    (folder / SETTINGS).chmod(0o600)
    hook = folder / "hooks" / "post-receive"
    hook.parent.mkdir()
    home, python = (shlex.quote(path.as_posix()) for path in (Path(__file__).parents[1], Path(sys.executable)))
    hook.write_text(f"#!/bin/sh\nPYTHONPATH={home} exec {python} -P -m helpers.workflows received\n", newline="\n")
    hook.chmod(0o755)
    return folder


def run(
    repository,
    *,
    event="push",
    ref="refs/heads/main",
    workflow=None,
    inputs=None,
    env=None,
    variables=None,
    secrets=None,
    seconds=None,
    to=None,
):
    """Run what an event triggers, without a push: such as "schedule" or "workflow_dispatch".

    Parameters
    ----------
    repository : path-like
        From `new_remote`, or any Git repository. What is committed counts, not what lies about in its folder.
    event : str, default "push"
    ref : str, default "refs/heads/main"
    workflow : str, optional
        The name of one file; all by default.
    inputs : dict of str to str, optional
        Of "workflow_dispatch".
    env : dict of str to str, optional
        As in `new_remote`, on top of what the remote has; and so the next three.
    variables : dict of str to str, optional
    secrets : dict of str to str, optional
    seconds : float, optional
    to : path-like, optional
        The folder in which `runs` finds them; the repository itself by default, if it is from `new_remote`.

    Returns
    -------
    list of Run
        One for each file that is triggered or cannot be read; none where nothing is triggered.

    Raises
    ------
    WorkflowError
        No repository, no such commit, no workflow file, no folder to write to; or git or act is absent.
    """
    given = {"env": env or {}, "variables": variables or {}, "secrets": secrets or {}}
    _check(given)
    repository = Path(repository).absolute()
    known = _read(repository / SETTINGS) or {"seconds": SECONDS}
    if to is None and "env" not in known:
        raise WorkflowError(f"{repository.name} is not from `new_remote`: name a folder for its runs with to=.")
    settings = {name: {**known.get(name, {}), **values} for name, values in given.items()}
    settings |= {"seconds": seconds or known["seconds"], "inputs": inputs or {}}
    return _run(repository, event, ref, NOBODY, settings, Path(to or repository).absolute(), workflow)


def runs(remote):
    """Tell what has been run.

    Parameters
    ----------
    remote : path-like
        From `new_remote`, or what `run` was given as `to`.

    Returns
    -------
    list of Run
        In order; those under way are left out. Empty where nothing was triggered.

    Raises
    ------
    WorkflowError
        There is no such folder.
    """
    remote = Path(remote).absolute()
    if not remote.is_dir():
        raise WorkflowError(f"There is no folder {remote.name}: `new_remote` makes one.")
    folders = sorted((path.parent for path in remote.glob("runs/*/run.json")), key=lambda path: int(path.name))
    return [Run(**_read(folder / "run.json"), folder=folder) for folder in folders]


# --- one run --------------------------------------------------------------------------------------------------------------


def _run(repository, event, ref, before, settings, to, only=None):
    program("act")
    with temporary() as folder:
        code = folder / "code"
        commit = _clone(repository, ref, code)
        files = sorted(path for path in (code / workflow_files.FOLDER).glob("*") if path.suffix in (".yml", ".yaml"))
        if not files:
            raise WorkflowError(f"Commit {commit[:7]} has no workflow: expected a file such as {workflow_files.FOLDER}/ci.yml.")
        if only and only not in {path.name for path in files}:
            raise WorkflowError(f"There is no workflow {only!r}; there are {', '.join(path.name for path in files)}.")
        made = []
        for path in files:
            document, error = workflow_files.load(path)
            wanted, changed = only in (None, path.name), functools.partial(_changed, code, before, commit)
            try:
                wanted = wanted and (error or workflow_files.triggered(document, event, ref, changed))
            except (AttributeError, TypeError, re.error):  # such as a list where a text should be
                error = f"{path.name} is not a valid workflow: its `on:` cannot be read"
            if wanted:
                facts = {"commit": commit, "ref": ref, "event": event, "workflow": path.name}
                error = error or workflow_files.foreign(document, workflow_actions.STAND_INS)
                made.append(_record(path, document, error, facts, before, settings, to, folder / f"{len(made)}"))
        return made


def _record(path, document, error, facts, before, settings, to, home):
    """Run one file and keep what came of it."""
    from helpers import flights

    number, folder = _new_folder(to / "runs")
    started, records, passed = time.monotonic(), [], False
    (home / "tmp").mkdir(parents=True)
    (folder / "artifacts").mkdir()
    if not error:
        event = {"ref": facts["ref"], "before": before, "after": facts["commit"], "inputs": settings["inputs"]}
        event["head_commit"] = {
            "id": facts["commit"],
            "message": git("log", "-1", "--format=%B", cwd=path.parent),
        }
        event["repository"] = {"full_name": "you/" + re.sub(r"[^\w.-]+", "-", to.stem), "default_branch": "main"}
        known = str(flights.cache_path().parent)  # or each push would read all flights anew
        places = {"WORKBOOK_RUN": str(folder), "WORKBOOK_KEPT": str(to / "cache"), "WORKBOOK_CACHE": known}
        records, passed, error = _act(path, document, facts["event"], event, number, settings, places, home)
        workflow_actions.keep_caches(to / "cache", folder.name, passed)
    document = {} if error and not records else document  # nothing began
    values = [value for value in settings["secrets"].values() if value]
    secrets = values + [line for value in values for line in value.splitlines() if len(line) > 3]  # a log has it line by line
    mask = functools.partial(_mask, sorted(secrets, key=len, reverse=True))
    outcomes, jobs = _jobs(document, records)
    jobs = {job: [step | {"name": mask(step["name"])} for step in steps] for job, steps in jobs.items()}
    told = {"passed": passed, "error": error and mask(error), "outcomes": outcomes, "jobs": jobs}
    told = {"number": number, **facts, **told, "seconds": round(time.monotonic() - started, 3)}
    (folder / "log.txt").write_text(mask(_log(records)), encoding="utf-8")
    summaries = [each["content"].rstrip("\n") + "\n" for each in _in_order(records) if each.get("command") == "summary"]
    (folder / "summary.md").write_text(mask("".join(summaries)), encoding="utf-8")
    _write(folder / "run.json", told)
    return Run(**_read(folder / "run.json"), folder=folder)


def _act(path, document, name, event, number, settings, places, home):
    """What act reported, whether all went well, and why it did not run to the end."""
    from helpers import _guardian

    command = _command(path, document, name, event, number, settings, home)
    env = environment(home) | places | {_guardian.MARK: str(home)}
    with (home / "out").open("wb") as out, (home / "err").open("wb") as err:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
        act = subprocess.Popen(command, cwd=path.parents[2], env=env, **streams, **_guardian.own_group())
        try:
            code = act.wait(settings["seconds"])
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(act, str(home))
    records = list(_records(home / "out"))
    if code is None:
        return records, False, f"ended after {settings['seconds']:g} s, which is all that a run may take"
    unmet = [each.get("jobID", "?") for each in records if "Skipping unsupported platform" in each["msg"]]
    if unmet:
        return records, False, f"no runner for the job {unmet[0]}: runs-on has to be one of {', '.join(LABELS)}"
    failed = {each["jobID"] for each in records if each.get("jobResult") == "failure"}
    if code and not failed:
        return records, False, _refusal(path.name, (home / "err").read_text("utf-8", "replace"))
    return records, code == 0 or all(_tolerated(document, job) for job in failed), None


def _records(path):
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):  # the last is torn where act was ended
            yield json.loads(line)


def _tolerated(document, job):
    """Whether a job may fail without its run failing, which act does not know."""
    return document["jobs"].get(job, {}).get("continue-on-error") == "true"


def _command(path, document, name, event, number, settings, home):
    """The call of act, and the files that it reads."""
    own = {"GITHUB_RUN_NUMBER": str(number), "GITHUB_RUN_ID": str(number), "GITHUB_REPOSITORY": event["repository"]["full_name"]}
    files = {"env": own | settings["env"], "var": settings["variables"], "secret": settings["secrets"]}
    files |= {"input": settings["inputs"], "event": event}
    for kind, content in files.items():
        _write(home / f"{kind}.yml", content)  # act reads JSON as the YAML that it is: any text survives
    command = [program("act"), name, "--json", "--workflows", str(path), "--eventpath", str(home / "event.yml")]
    command += ["--action-cache-path", str(home / "act"), "--defaultbranch", "main", "--actor", "you"]
    command += [part for kind in ("env", "var", "secret", "input") for part in (f"--{kind}-file", str(home / f"{kind}.yml"))]
    command += ["--action-offline-mode", "--pull=false", "--no-cache-server", "--container-daemon-socket", "-"]
    command += [part for label in [*LABELS, "self-hosted"] for part in ("--platform", f"{label}=-self-hosted")]
    for action, ref in {
        (action, ref) for action, ref in workflow_files.actions(document) if action in workflow_actions.STAND_INS
    }:
        command += ["--local-repository", f"{action}@{ref}={workflow_actions.write(home, action)}"]
    return command


def _end(act, mark):
    import psutil

    from helpers import _guardian

    try:
        root = psutil.Process(act.pid) if act.poll() is None else None
    except psutil.NoSuchProcess:
        root = None
    _guardian.end(root, mark)  # also what a step left running in the background
    act.wait()


def _refusal(name, text):
    told = re.search(r"Line: (\d+) Column \d+: (?!Failed to match)(.+)", text)
    if told:
        return workflow_files.one_line(f"{name} is not a valid workflow: line {told[1]}: {told[2]}")
    reason = re.sub(r"(?s).*?^Error: (workflow is not valid\. )?", "", text, count=1, flags=re.MULTILINE)
    if "Could not find any stages" in reason:
        reason = "a job needs one that is not there, or they need each other in a circle"
    return workflow_files.one_line(f"act refuses {name}: {reason}")


def _jobs(document, records):
    """Outcome and steps of each job. act says nothing of what it skips: that is read from the file."""
    written = {name: workflow_files.steps(job) for name, job in document.get("jobs", {}).items()}
    reported = {name: {} for name in written}
    for each in _in_order(records):
        reported.setdefault(each["jobID"], {}).setdefault(_leg(each), []).append(each)
    outcomes, jobs = {}, {}
    for job, legs in reported.items():
        steps = written.get(job)
        for leg, lines in sorted(legs.items()) or [(job, [])]:
            ended = {str(each["stepID"][0]): each for each in lines if "stepResult" in each and _is_step(each)}
            outcomes[leg] = next((each["jobResult"] for each in lines if "jobResult" in each), "failure" if lines else "skipped")
            jobs[leg] = [_step(step, ended.get(step.get("id", str(index)))) for index, step in enumerate(steps or [])]
            if steps is None:  # of a workflow that this one calls
                jobs[leg] = [_step({"name": each["step"]}, each) for each in ended.values()]
    return outcomes, jobs


def _step(written, ended):
    name = written.get("name") or written.get("uses") or written.get("run", "")
    name = ended["step"] if ended and "name" in written else name
    return {"name": (name.strip().splitlines() or ["?"])[0], "outcome": ended["stepResult"] if ended else "skipped"}


def _is_step(each):
    return each.get("stage") == "Main" and len(each.get("stepID", [])) == 1


def _leg(each):
    values = ", ".join(str(value) for value in (each.get("matrix") or {}).values())
    return f"{each['jobID']} ({values})" if values else each["jobID"]


def _in_order(records):
    """Job after job, as they came: those that run side by side are told one after the other."""
    records = [each for each in records if each.get("jobID")]
    first = {}
    for each in records:
        first.setdefault(each["jobID"], len(first))
    return sorted(records, key=lambda each: (first[each["jobID"]], _leg(each)))


def _log(records):
    lines = []
    for each in _in_order(records):
        text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", each["msg"].rstrip("\n"))
        if "stepResult" in each and _is_step(each):
            text = f"{each['step'].strip().splitlines()[0]}: {SAYS[each['stepResult']]}"
        elif "Run Main" in text and _is_step(each):
            text = f"> {each['step'].strip()}"
        elif each.get("command") in LOUD:
            text = f"{each['command']}: {each['arg']}"
        elif not (each.get("raw_output") or each["level"] in ("error", "warning")):
            continue
        lines += [f"[{_leg(each)}] {line.rstrip()}" for line in text.splitlines()]
    return "\n".join(lines) + "\n" if lines else ""


def _mask(secrets, text):
    return functools.reduce(lambda masked, secret: masked.replace(secret, "***"), secrets, text)


# --- the repository, and what is kept ----------------------------------------------------------------------------------------


def _clone(repository, ref, to):
    """A copy of a commit as a checkout gives it: on its branch, or at its tag."""
    try:
        git("rev-parse", "--git-dir", cwd=repository)
    except (WorkflowError, OSError):
        program("git")
        raise WorkflowError(f"{repository.name} is no Git repository: `new_remote` makes one, or `git init`.") from None
    try:
        commit = git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", cwd=repository)
    except WorkflowError:
        raise WorkflowError(f"{repository.name} has no commit at {ref}: commit and push first, or name another ref.") from None
    git("clone", "--quiet", "--no-checkout", "--template", "", str(repository), str(to))
    branch = ["-B", ref.removeprefix("refs/heads/")] if ref.startswith("refs/heads/") else ["--detach"]
    git("checkout", "--quiet", *branch, commit, cwd=to)
    return commit


def _changed(code, before, commit):
    """The files that a push changes; of the first, all."""
    quiet = ("-c", "core.quotePath=false")
    if before != NOBODY:
        with contextlib.suppress(WorkflowError):  # after a forced push the old commit may be gone
            return git(*quiet, "diff", "--name-only", before, commit, cwd=code).splitlines()
    return git(*quiet, "ls-tree", "-r", "--name-only", commit, cwd=code).splitlines()


def _check(settings):
    for kind in ("env", "variables", "secrets"):
        for name, value in settings[kind].items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise WorkflowError(f"{kind} has {name!r} = {value!r}; expected text: write it as str.")


def _new_folder(parent):
    parent.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(path.name) for path in parent.iterdir() if path.name.isdigit()), default=0)
    while True:
        with contextlib.suppress(FileExistsError):  # another push was quicker
            (parent / str(number)).mkdir()
            return number, parent / str(number)
        number += 1


def _write(path, content):
    draft = path.with_name(f"{path.name}.draft")  # it appears whole
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def _read(path):
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


# --- as a program: Git's hook --------------------------------------------------------------------------


def _received(remote):
    """Run what a push triggers. Whatever comes of it, the push has been received."""
    if "WORKBOOK_RUN" in os.environ:
        print("Pushed by a workflow: as on GitHub, that starts no run.")
        return
    for line in sys.stdin.read().splitlines():
        before, after, ref = line.split(" ", 2)
        if after == NOBODY or not ref.startswith(("refs/heads/", "refs/tags/")):
            continue  # a branch was removed, or it is nothing that GitHub runs workflows for
        try:
            made = _run(remote, "push", ref, before, {"inputs": {}, **_read(remote / SETTINGS)}, remote)
            print("\n".join(map(str, made)) or f"No workflow is triggered by this push of {ref.split('/', 2)[-1]}.", flush=True)
        except WorkflowError as error:
            print(f"No workflow was run. {error}", flush=True)


def main(arguments=None):
    """Run what a push triggers. Not for people.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.

    Returns
    -------
    int
        0.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.workflows", description="Called by Git.")
    parser.add_argument("what", choices=["received"])
    parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stdin):
        stream.reconfigure(encoding="utf-8", errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through `finally`, so that nothing stays
    _received(Path.cwd())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
