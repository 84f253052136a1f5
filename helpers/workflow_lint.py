"""Two linters for workflow files: what GitHub would not accept, and what is dangerous."""

import json
import subprocess
from pathlib import Path

from helpers import workflow_files
from helpers.workflow_machine import WorkflowError, environment, program, temporary


def lint(path):
    """Ask two linters: the schema of workflows (check-jsonschema), and what is dangerous (zizmor, offline).

    zizmor is asked for its "pedantic" findings too, without which a `permissions: write-all` passes, but not for those that
    it calls informational. It does not know a `|| true`, nor that a step prints a secret from its environment.

    Parameters
    ----------
    path : path-like
        A workflow file.

    Returns
    -------
    list of dict
        `tool`, `rule`, `line` (None where the tool does not tell) and `message`, by line. Empty: nothing was found.

    Raises
    ------
    WorkflowError
        There is no such file, or a linter is absent or fails.
    """
    path = Path(path).absolute()
    if not path.is_file():
        raise WorkflowError(f"There is no file {path.name}: name a workflow file, such as {workflow_files.FOLDER}/ci.yml.")
    with temporary() as folder:
        text = path.read_bytes()
        copy = folder / workflow_files.FOLDER / f"{path.stem}.yml"  # zizmor knows a workflow by where it is
        copy.parent.mkdir(parents=True)
        copy.write_bytes(text)
        env = environment(folder)
        schema = _lint_tool(["check-jsonschema", "--builtin-schema", "vendor.github-workflows", "-o", "json"], copy, env)
        found = [_schema_finding(error) for error in [*schema.get("parse_errors", []), *schema.get("errors", [])]]
        if not found:  # zizmor reads only what the schema allows
            options = ["--offline", "--no-config", "--no-progress", "--persona", "pedantic", "--min-severity", "low"]
            found = [_zizmor_finding(each) for each in _lint_tool(["zizmor", *options, "--format", "json"], copy, env)]
    return sorted(found, key=lambda each: (each["line"] or 0, each["rule"]))


def _lint_tool(command, path, env):
    told = subprocess.run([program(command[0]), *command[1:], str(path)], env=env, capture_output=True, text=True, check=False)
    try:
        return json.loads(told.stdout)
    except ValueError:
        raise WorkflowError(f"{command[0]} failed: {workflow_files.one_line(told.stderr)}") from None


def _schema_finding(error):
    best = error.get("best_deep_match", error)
    where = best.get("path", "$").removeprefix("$").lstrip(".")
    message = f"{where}: {best['message']}" if where else best["message"].replace(str(error["filename"]), "the file")
    return {"tool": "check-jsonschema", "rule": "schema", "line": None, "message": workflow_files.one_line(message)}


def _zizmor_finding(finding):
    primary = next(each for each in finding["locations"] if each["symbolic"]["kind"] == "Primary")
    line = primary["concrete"]["location"]["start_point"]["row"] + 1
    message = f"{finding['desc']}: {primary['symbolic']['annotation']}"
    return {"tool": "zizmor", "rule": finding["ident"], "line": line, "message": message}
