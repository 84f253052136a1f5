"""What the probes of 40 do: push a copy of a learner's repository to a throw-away remote, and look at what came of it.

Every function returns plain data. The learner's folder is only read, its Git (if it has one) is left alone. What a push left is
kept while the files are the same, so that three questions about one folder do not push three times.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import psutil
import yaml

from helpers import flights, mlflow_store, model_source, onnx_model, workflow_lint, workflows
from helpers.course.bank import own_files

MOST_FILES, LARGEST = 200, 1_000_000
SECONDS = 240  # that one run may take; a good one takes a twentieth of it
TEST_MONTHS = (3,)
BROKEN = """import unittest


class TestBroken(unittest.TestCase):
    def test_broken_on_purpose(self):
        self.fail("broken on purpose by the check")
"""
ENDS = "No workflow was run. "
_kept = {}  # by the hash of the files: at most one repository


# --- the learner's files ---------------------------------------------------------------------------------------------------


def files_of(folder):
    """Read the learner's own files.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    dict of str to bytes
        By their path in the folder, with `/`.
    """
    names = own_files.own_files(folder, most=MOST_FILES, largest=LARGEST, but={"out"})
    return {name.as_posix(): (folder / name).read_bytes() for name in names}


def documents(files):
    """Parse what could be a workflow, wherever it lies.

    Parameters
    ----------
    files : dict of str to bytes

    Returns
    -------
    dict of str to object
        By path: nothing but text, lists and dicts; None where it is no YAML.
    """
    found = {}
    for name, raw in files.items():
        if Path(name).suffix in (".yml", ".yaml") or (b"jobs:" in raw and Path(name).suffix in ("", ".txt", ".yml~", ".json")):
            try:
                found[name] = json.loads(json.dumps(yaml.load(raw.decode("utf-8"), Loader=yaml.BaseLoader)))
            except (yaml.YAMLError, ValueError, TypeError, RecursionError):
                found[name] = None
    return found


def untouched(files):
    """Whether no workflow has been begun.

    Parameters
    ----------
    files : dict of str to bytes

    Returns
    -------
    bool
        There are workflow files, and none says more than its name.
    """
    found = documents(files)
    return bool(found) and all(_says_nothing(each, files[name]) for name, each in found.items())


def _says_nothing(document, raw):
    comments = all(not line.strip() or line.strip().startswith(b"#") for line in raw.splitlines())
    return comments or isinstance(document, dict) and set(document) <= {"name"}


def stub(files):
    """Tell which function of gate.py is still to be written.

    Parameters
    ----------
    files : dict of str to bytes

    Returns
    -------
    str
        Its name, or "".
    """
    try:
        tree = ast.parse(files.get("gate.py", b""))
    except (SyntaxError, ValueError):
        return ""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    left = [node.name for node in functions if getattr(getattr(node.body[-1], "exc", None), "id", "") == "NotImplementedError"]
    return left[0] if left else ""


def lint(files, documents):
    """Ask the linters about each workflow file.

    Parameters
    ----------
    files : dict of str to bytes
    documents : dict of str to object
        As from `documents`.

    Returns
    -------
    list of dict
        As from `helpers.workflow_lint.lint`.
    """
    found = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in documents:
            path = Path(folder, f"{len(found)}-{Path(name).stem}.yml")
            path.write_bytes(files[name])
            found += workflow_lint.lint(path)
    return found


# --- a repository of the check's own ----------------------------------------------------------------------------------------


def repository(folder, rng):
    """Give the repository in which the files of a folder are pushed: the one at hand while they are the same, else a new one.

    Parameters
    ----------
    folder : pathlib.Path
    rng : numpy.random.Generator
        Draws the settings that the learner never saw, if the repository is new.

    Returns
    -------
    Repository
    """
    files = files_of(folder)
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    if digest not in _kept or _kept[digest].slow:  # it may have been this machine: it is tried again
        forget()
        _kept[digest] = Repository(files, rng)
    return _kept[digest]


def forget():
    """Remove what is kept."""
    while _kept:
        _kept.popitem()[1].close()


class Repository:
    """A copy of the learner's files with a history, a remote that runs its workflows, and a store.

    Parameters
    ----------
    files : dict of str to bytes
    rng : numpy.random.Generator
    """

    def __init__(self, files, rng):
        self.files, self.pushes, self.store, self.slow = files, {}, None, False
        self.plan = {
            "n_steps": int(rng.integers(12, 26)),
            "learning_rate": round(float(rng.uniform(0.08, 0.15)), 4),
            "flights": int(rng.integers(7000, 9000)),
            "seed": int(rng.integers(1, 10_000)),
            "branch": f"try/{rng.choice(['more-steps', 'a-new-feature', 'other-months', 'smaller-trees'])}-{rng.integers(100)}",
            "token": "".join(rng.choice(list("abcdefghjkmnpqrstuvwxyz23456789"), 24)),
        }
        self._seen = set()
        self._top = tempfile.TemporaryDirectory(prefix="a push ", ignore_cleanup_errors=True)  # also gone with the process

    def close(self):
        """Remove it. What its pushes gave stays."""
        self._top.cleanup()

    def push(self, kind):
        """Push a commit, once: what came of it is remembered.

        Parameters
        ----------
        kind : str
            "first" and "again": settings that make a good model; "bad": one step of boosting; "broken": a test that fails.

        Returns
        -------
        dict
            `commit`, `branch`, `settings`, `told` (what the push showed), `runs` (of the workflows), `logged` (new runs in the
            store), `champion` (its run, or None).
        """
        if kind not in self.pushes:
            if self.store is None:
                self._begin()
            self.pushes[kind] = self._push(kind)
            self.slow |= any("all that a run may take" in (run["error"] or "") for run in self.pushes[kind]["runs"])
            if len(self.pushes) == 4:
                self.close()
        return self.pushes[kind]

    def _begin(self):
        top = Path(self._top.name).resolve()
        self._code, self._remote = top / "code", top / "remote.git"
        self.store = mlflow_store.new_store(top / "store")
        env = {"MLFLOW_TRACKING_URI": self.store.uri, "PYTHONDONTWRITEBYTECODE": "1"}
        workflows.new_remote(self._remote, env=env, secrets={"STORE_TOKEN": self.plan["token"]}, seconds=SECONDS)
        for name, raw in self.files.items():
            (self._code / name).parent.mkdir(parents=True, exist_ok=True)
            (self._code / name).write_bytes(raw)
        self._git("init", "--quiet", "--initial-branch", "main", "--template", "")

    def _push(self, kind):
        settings = json.loads(self.files["settings.json"]) | {key: self.plan[key] for key in ("n_steps", "learning_rate")}
        settings |= {key: self.plan[key] for key in ("flights", "seed")} | {"train_months": [1, 2], "test_months": [*TEST_MONTHS]}
        settings |= {"margin": 0.01} | ({"n_steps": 1} if kind == "bad" else {})
        (self._code / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        broken = self._code / "tests" / "test_broken.py"
        if kind == "broken":
            broken.parent.mkdir(exist_ok=True)
            broken.write_text(BROKEN, encoding="utf-8")
        else:
            broken.unlink(missing_ok=True)
        if kind == "again":
            (self._code / "NOTES.md").write_text("Nothing new about the model.\n", encoding="utf-8")
        branch = self.plan["branch"] if kind == "first" else "main"
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", f"the check: {kind}")
        told = self._git("push", "--quiet", "--force", str(self._remote), f"HEAD:refs/heads/{branch}")
        commit = self._git("rev-parse", "HEAD")[0]
        told = [line.removeprefix("remote: ").rstrip() for line in told]
        runs = [self._run(each) for each in workflows.runs(self._remote) if each.commit == commit]
        return {"commit": commit, "branch": branch, "settings": settings, "told": told, "runs": runs} | self._stored(settings)

    def _git(self, *arguments):
        """What it printed; never the learner's configuration."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env |= {f"GIT_{who}_{what}": "check@workbook.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        options = ["-c", "safe.directory=*", "-c", "core.autocrlf=false", "-c", "core.hooksPath=none", "-c", "gc.auto=0"]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = ["git", *options, *arguments]
        git = subprocess.Popen(command, cwd=self._code, env=env, encoding="utf-8", errors="replace", **streams)
        try:
            out, err = git.communicate()
        except BaseException:  # the learner has stopped the check: the run ends too
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in [*psutil.Process(git.pid).children(recursive=True), git]:
                    process.terminate()
            raise
        if git.returncode:
            raise workflows.WorkflowError(f"git {arguments[0]} failed: {' '.join(err.split())[:200]}")
        return (out + err).strip().splitlines()

    def _run(self, run):
        told = {"file": run.workflow, "passed": run.passed, "error": run.error, "outcomes": run.outcomes, "jobs": run.jobs}
        hidden = re.compile(rf"[^\s'\"]*{re.escape(Path(tempfile.gettempdir()).name)}/[^\s'\"]*/")  # places on this machine
        return told | {"log": hidden.sub("", run.log)[-40_000:], "summary": run.summary[:20_000]}

    def _stored(self, settings):
        import mlflow

        client, logged = mlflow.MlflowClient(tracking_uri=self.store.uri), []
        for experiment in client.search_experiments():
            for run in client.search_runs([experiment.experiment_id]):
                if run.info.run_id not in self._seen:
                    self._seen.add(run.info.run_id)
                    logged.append(self._logged(run, settings))
        try:
            champion = client.get_model_version_by_alias(model_source.NAME, model_source.ALIAS).run_id
        except mlflow.MlflowException:
            champion = None
        return {"logged": logged, "champion": champion}

    def _logged(self, run, settings):
        auc = run.data.metrics.get("auc")
        told = {"id": run.info.run_id, "commit": run.data.tags.get("commit"), "params": dict(run.data.params), "auc": auc}
        told["typed"] = auc is not None and any(_has_number(raw, auc) for name, raw in self.files.items() if _is_code(name))
        folder = Path(url2pathname(urlparse(run.info.artifact_uri).path))
        models = sorted(folder.rglob(model_source.FILE)) if folder.is_dir() else []
        if not models:
            return told | {"model": "absent"}
        try:
            model = onnx_model.OnnxModel(models[0].read_bytes())
            return told | {"model": "there", "real": auc_on(model, TEST_MONTHS), "training": auc_on(model, (1, 2), settings)}
        except onnx_model.ModelError as error:
            return told | {"model": str(error)}


def auc_on(model, months, settings=None):
    """Score a model anew.

    Parameters
    ----------
    model : helpers.onnx_model.OnnxModel
    months : iterable of int
    settings : dict, optional
        Of a training: then on the flights that it drew from these months.

    Returns
    -------
    float
        AUC.
    """
    from sklearn.metrics import roc_auc_score

    X, y = flights.features_and_target(flights.load(months))
    if settings:
        X = X.sample(settings["flights"], random_state=settings["seed"])
    columns = {name: X[name].to_numpy() if name in flights.NUMERIC else X[name].tolist() for name in flights.FEATURES}
    return float(roc_auc_score(y[X.index], model.probability_late(model.encode_columns(columns))))


def _is_code(name):
    return Path(name).suffix in (".py", ".yml", ".yaml", ".sh", ".json")


def _has_number(raw, number):
    return bool(re.search(rb"(?<![\d.])" + re.escape(repr(float(number)).encode()) + rb"0*(?!\d)", raw))


ASK_GATE = """
import json, numpy as np, gate
rng = np.random.default_rng(1)
y = rng.random(4000) < 0.3
good, bad = y + rng.normal(0, 1, 4000), y + rng.normal(0, 4, 4000)
good, bad = (1 / (1 + np.exp(-scores)) for scores in (good, bad))
print(json.dumps({"better": bool(gate.may_replace(y, good, bad, 0.01)), "worse": bool(gate.may_replace(y, bad, good, 0.01))}))
"""


def ask_gate(files):
    """Ask the learner's `may_replace` by itself, in a process of its own.

    Parameters
    ----------
    files : dict of str to bytes

    Returns
    -------
    dict
        What it says of a `better` and of a `worse` model; empty where it cannot be asked.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name, raw in files.items():
            if "/" not in name:
                Path(folder, name).write_bytes(raw)
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
        try:
            command = [sys.executable, "-c", ASK_GATE]
            told = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
            return json.loads(told.stdout)
        except (ValueError, subprocess.TimeoutExpired):
            return {}
