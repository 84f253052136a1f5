"""Answers to the questions of 42a, GitHub Actions."""

import textwrap

from tests.answers import Answers, Wrong

# --- 42a.1 --------------------------------------------------------------------------------------------------------------


def step(run, job, name):
    return {each["name"]: each["outcome"] for each in run.jobs.get(job, [])}.get(name)


def became(run):
    if run.error:
        return "did not run"
    if any(outcome == "failure" for job, outcome in run.outcomes.items() if job == "test" or job.startswith("test (")):
        return "tests failed"
    if step(run, "train", "train") != "success":
        return "not trained"
    if step(run, "train", "log") != "success":
        return "not logged"
    if step(run, "train", "gate") == "failure":
        return "refused"
    return "promoted" if step(run, "promote", "promote") == "success" else "not promoted"


def became_by_table(run):
    facts = {(job, each["name"]): each["outcome"] for job, steps in run.jobs.items() for each in steps}
    bad_tests = [job for job, outcome in run.outcomes.items() if job.split(" (")[0] == "test" and outcome == "failure"]
    rules = [
        (run.error is not None, "did not run"),
        (bool(bad_tests), "tests failed"),
        (facts.get(("train", "train")) != "success", "not trained"),
        (facts.get(("train", "log")) != "success", "not logged"),
        (facts.get(("train", "gate")) == "failure", "refused"),
        (facts.get(("promote", "promote")) != "success", "not promoted"),
    ]
    return next((text for applies, text in rules if applies), "promoted")


def became_from_the_end(run):
    done = {f"{job}/{each['name']}" for job, steps in run.jobs.items() for each in steps if each["outcome"] == "success"}
    failed = {f"{job}/{each['name']}" for job, steps in run.jobs.items() for each in steps if each["outcome"] == "failure"}
    told = "promoted"
    if "promote/promote" not in done:
        told = "not promoted"
    if "train/gate" in failed:
        told = "refused"
    if "train/log" not in done:
        told = "not logged"
    if "train/train" not in done:
        told = "not trained"
    for job in run.outcomes:
        if run.outcomes[job] == "failure" and (job == "test" or job[:6] == "test ("):
            told = "tests failed"
    return "did not run" if run.error else told


def changed(old, new):
    """The first right answer with one of its pieces replaced."""
    source = textwrap.dedent(SOURCE)
    assert old in source
    place = {"step": step}
    exec(source.replace(old, new), place)
    return place["became"]


SOURCE = """
def became(run):
    def is_test(job):
        return job == "test" or job.startswith("test (")
    if run.error:
        return "did not run"
    if any(outcome == "failure" for job, outcome in run.outcomes.items() if is_test(job)):
        return "tests failed"
    if step(run, "train", "train") != "success":
        return "not trained"
    if step(run, "train", "log") != "success":
        return "not logged"
    if step(run, "train", "gate") == "failure":
        return "refused"
    return "promoted" if step(run, "promote", "promote") == "success" else "not promoted"
"""


def anywhere(run, job, name):
    found = [each["outcome"] for steps in run.jobs.values() for each in steps if each["name"] == name]
    return "success" if "success" in found else step(run, job, name)


def became_anywhere(run):
    if run.error:
        return "did not run"
    if any(outcome == "failure" for job, outcome in run.outcomes.items() if job == "test" or job.startswith("test (")):
        return "tests failed"
    if anywhere(run, "train", "train") != "success":
        return "not trained"
    if anywhere(run, "train", "log") != "success":
        return "not logged"
    if step(run, "train", "gate") == "failure":
        return "refused"
    return "promoted" if anywhere(run, "promote", "promote") == "success" else "not promoted"


TEST_STEPS = 'any(each["outcome"] == "failure" for job, steps in run.jobs.items() if is_test(job) for each in steps)'
TEST_JOBS = 'any(outcome == "failure" for job, outcome in run.outcomes.items() if is_test(job))'
GATE = 'step(run, "train", "gate") == "failure"'
PROMOTED = 'step(run, "promote", "promote") == "success"'

# --- 42a.2 --------------------------------------------------------------------------------------------------------------

CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
SAFE = """\
name: tell
on: push
permissions: {}
concurrency:
  group: tell-${{ github.ref }}
jobs:
  tell:
    runs-on: ubuntu-latest
    permissions:
      contents: read # for checkout
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
        with:
          persist-credentials: false
      - name: summary
        env:
          BRANCH: ${{ github.ref_name }}
          MESSAGE: ${{ github.event.head_commit.message }}
        run: echo "Pushed to $BRANCH - $MESSAGE" >> "$GITHUB_STEP_SUMMARY"
      - name: send
        env:
          CHAT_TOKEN: ${{ secrets.CHAT_TOKEN }}
        run: python send.py
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02
        with:
          name: sent
          path: sent.json
"""
BY_PYTHON = """\
name: tell
on: [push]
permissions:
  contents: read
concurrency: {group: tell, cancel-in-progress: false}
jobs:
  tell:
    runs-on: ubuntu-24.04
    env:
      MESSAGE: "${{ github.event.head_commit.message }}"
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with: {persist-credentials: false}
      - shell: python
        run: |
          import os
          with open(os.environ["GITHUB_STEP_SUMMARY"], "a") as file:
              print("Pushed to", os.environ["GITHUB_REF_NAME"], "-", os.environ["MESSAGE"], file=file)
      - run: python send.py
        env: {CHAT_TOKEN: "${{ secrets.CHAT_TOKEN }}"}
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02
        with: {name: sent, path: "*.json"}
"""
TWO_JOBS = """\
on:
  push:
    branches: ["**"]
name: tell
permissions: {}
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true
jobs:
  summary:
    runs-on: ubuntu-latest
    steps:
      - env:
          MESSAGE: ${{ github.event.head_commit.message }}
        run: printf 'Pushed to %s - %s\\n' "$GITHUB_REF_NAME" "$MESSAGE" | tee -a "$GITHUB_STEP_SUMMARY"
  send:
    needs: summary
    runs-on: ubuntu-latest
    permissions: {contents: read} # for checkout
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
        with: {persist-credentials: "false"}
      - env: {CHAT_TOKEN: "${{ secrets.CHAT_TOKEN }}"}
        run: |
          echo "the password is ***, that is $CHAT_TOKEN"
          python send.py
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02
        with: {name: sent, path: sent.json, retention-days: 5}
"""


def but(old, new):
    assert old in SAFE, old
    return SAFE.replace(old, new)


SEND = "run: python send.py"
KEEP = SAFE[SAFE.index("      - uses: actions/upload") :]
SEND_STEP = SAFE[SAFE.index("      - name: send") : SAFE.index(KEEP)]
SUMMARY_STEP = SAFE[SAFE.index("      - name: summary") : SAFE.index(SEND_STEP)]

ANSWERS = {
    "42a.1": Answers(
        right=[became, became_by_table, became_from_the_end],
        wrong=[
            Wrong(changed("    if any(", '    if run.passed:\n        return "promoted"\n    if any('), "green is promoted"),
            Wrong(changed(GATE, f"not run.passed and not {PROMOTED}"), "red is refused"),
            Wrong(changed(' or job.startswith("test (")', ""), "one name only"),
            Wrong(changed('startswith("test (")', 'startswith("test")'), "names that begin alike"),
            Wrong(changed(TEST_JOBS, TEST_STEPS), "steps for jobs"),
            Wrong(became_anywhere, "any job's step"),
            Wrong(changed("if run.error:", "if False:"), "no error seen"),
            Wrong(changed(GATE, 'step(run, "train", "gate") != "success"'), "skipped is refused"),
            Wrong(changed('"not trained"', '"untrained"'), says="untrained"),
            Wrong(lambda run: "promoted" if run.passed else "refused"),
            Wrong(changed('"train", "log") != "success"', '"train", "log") == "failure"')),
            Wrong(lambda run: run.outcomes, says="a dict"),
        ],
    ),
    "42a.2": Answers(
        costly=True,
        right=[SAFE, BY_PYTHON, TWO_JOBS],
        wrong=[
            Wrong(but("permissions: {}", "permissions: write-all"), "too much permitted", "permissions: {}"),
            Wrong(but("contents: read", "contents: write"), "too much permitted"),
            Wrong(but(CHECKOUT, "actions/checkout@v4"), "a name that can move"),
            Wrong(but("          persist-credentials: false\n", "          fetch-depth: 1\n"), "credentials left"),
            Wrong(but('"Pushed to $BRANCH - $MESSAGE"', '"Pushed to $BRANCH - ${{ env.MESSAGE }}"'), "text becomes code"),
            Wrong(but(SEND, 'run: CHAT_TOKEN="${{ secrets.CHAT_TOKEN }}" python send.py'), "text becomes code"),
            Wrong(but("concurrency:\n  group: tell-${{ github.ref }}\n", ""), "side by side"),
            Wrong(but("on: push", "on: push # zizmor: ignore[template-injection]"), "silenced"),
            Wrong(but("on: push", "on:\n  push:\n    branches: [main]"), "not on each push"),
            Wrong(
                but(SEND, 'run: |\n          echo "$CHAT_TOKEN" | base64\n          python send.py'),
                "the password leaks",
                "base64",
            ),
            Wrong(
                but(SEND, 'run: |\n          echo "$CHAT_TOKEN" | rev\n          python send.py'),
                "the password leaks",
                "backwards",
            ),
            Wrong(but(SEND, "run: python send.py || true"), "failure swallowed"),
            Wrong(but(SEND, "continue-on-error: true\n        run: python send.py"), "failure swallowed"),
            Wrong(but(SEND_STEP + KEEP, ""), "not sent"),
            Wrong(but(SUMMARY_STEP, ""), "another summary"),
            Wrong(but("echo", "eval echo"), "another summary"),
            Wrong(but("jobs:", "job:"), says="GitHub would not accept"),
        ],
    ),
}
