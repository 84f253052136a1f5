"""The bookkeeping of one grading: which exercise of which learner is open, and what is written where.

What came out of a box is kept in `results` under a name made from all that it depends on. So a second grading runs only what
is new, and one that was broken off goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Iterator

from helpers.course import batch_files
from helpers.course.grading import marks, pages, scores, submissions

MADE = "graded.json"  # lists the learners' files, so that those of a learner who is gone can be taken away


class Grading:
    """Where a grading stands.

    Parameters
    ----------
    out : pathlib.Path
        The folder to write to.
    found : list of submissions.Submission
    exercises : dict of str to assignments.Exercise
        Those that are graded.
    seeds : dict of str to dict of str to int
        By exercise and question.
    settings : dict
        What every job has in common: `limits`, `walls`, `course`.

    Attributes
    ----------
    handed_in : int
        Learners with at least one exercise, so far.
    """

    def __init__(self, out, found, exercises, seeds, settings):
        self.out, self.submissions, self.exercises, self.seeds, self.settings = out, found, exercises, seeds, settings
        self.open = {}  # learner: the record, and the names of exercises that are not graded yet
        self.ready, self.names, self.seen, self.broken, self.handed_in = [], [], set(), set(), 0

    def jobs(self) -> Iterator[tuple]:
        """What has to be run: each learner is read when the turn comes.

        Yields
        ------
        (str, str), dict
            Learner and exercise, and the job, for those that were not graded before.
        """
        for submission in self.submissions:
            content = submissions.read(submission)
            notebooks = submissions.matched(self.exercises, content.files)
            trouble = content.trouble or ("" if notebooks else "holds no notebook of an exercise")
            record = {"learner": submission.learner, "trouble": trouble, "assignments": {}}
            self.open[submission.learner] = (record, set(notebooks))
            self.seen |= set(notebooks)
            self.handed_in += bool(notebooks)
            jobs = {name: self._job(self.exercises[name], content, place) for name, place in notebooks.items()}
            for name, job in jobs.items():
                record["assignments"][name] = {"timestamp": content.times[notebooks[name]], "key": key(job)}
            if not notebooks:
                self._close(submission.learner)
            for name, job in jobs.items():
                if self._result(record, name).exists():
                    self._mark(submission.learner, name)
                else:
                    yield (submission.learner, name), job

    def take(self, learner, name, result):
        """Keep what came out of a box, and judge it.

        Parameters
        ----------
        learner : str
            As from `jobs`.
        name : str
            Of the exercise.
        result : dict
            As from `runner.run_job`.
        """
        batch_files.write(self._result(self.open[learner][0], name), json.dumps(result))
        self._mark(learner, name)

    def finished(self):
        """Learners whose files have been written since the last call.

        Returns
        -------
        list of str
        """
        ready, self.ready = self.ready, []
        return ready

    def close(self):
        """Write the table of scores and the overview, and take away what an earlier grading made for learners who are gone.

        Returns
        -------
        set of str
            Questions whose check itself failed.
        """
        given = {name: self._given(exercise) for name, exercise in self.exercises.items() if name in self.seen}
        table = scores.as_csv(self._records(), given)
        batch_files.write(self.out / "scores.csv", table.encode(scores.ENCODING))
        batch_files.write(self.out / "index.html", pages.overview(self._records(), given))
        made = self.out / MADE
        before = json.loads(made.read_text(encoding="utf-8")) if made.exists() else []
        for name in set(before) - set(self.names):
            for path in self._files(name):
                path.unlink(missing_ok=True)
        batch_files.write(made, json.dumps(sorted(self.names), indent=1) + "\n")
        return self.broken

    def _job(self, exercise, content, place):
        here = exercise.notebook.rpartition("/")[0]
        files = exercise.files() | submissions.files_of(content, place, exercise.folder)
        files = {f"{here}/{name}" if here else name: raw for name, raw in files.items()}
        files[exercise.notebook] = content.files[place]
        about = {"notebook": exercise.notebook, "questions": exercise.questions, "seeds": self.seeds[exercise.name]}
        return {**about, "files": files, **self.settings}

    def _result(self, record, name):
        return self.out / "results" / f"{record['assignments'][name]['key']}.json"

    def _mark(self, learner, name):
        record, waiting = self.open[learner]
        result = json.loads(self._result(record, name).read_text(encoding="utf-8"))
        marked = marks.mark(self.exercises[name], result, self.seeds[name])
        record["assignments"][name] |= marked
        outcomes = {question_id: question["outcome"] for question_id, question in marked["questions"].items()}
        self.broken |= {question_id for question_id, outcome in outcomes.items() if outcome == marks.BROKEN}
        waiting.discard(name)
        if not waiting:
            self._close(learner)

    def _close(self, learner):
        record, _ = self.open.pop(learner)
        record["assignments"] = dict(sorted(record["assignments"].items()))
        name = pages.file_name(learner, "")
        as_json, page = self._files(name)
        batch_files.write(as_json, json.dumps(record, indent=1) + "\n")
        batch_files.write(page, pages.feedback(record))
        self.names.append(name)
        self.ready.append(learner)

    def _files(self, name):
        return self.out / "learners" / f"{name}.json", self.out / "feedback" / f"{name}.html"

    def _records(self):
        """One by one, so that a thousand take no more room than one."""
        for name in sorted(self.names):
            yield json.loads(self._files(name)[0].read_text(encoding="utf-8"))

    @staticmethod
    def _given(exercise):
        questions = {question_id: marks.title(question_id) for question_id in exercise.questions}
        return {"title": exercise.title, "max_score": len(questions), "questions": questions}


def key(job):
    """A name for what comes out of a job: the same for the same job, on any machine.

    Parameters
    ----------
    job : dict
        As `runner.run_job` takes it.

    Returns
    -------
    str
        Hexadecimal.
    """
    hashed = {name: hashlib.sha256(raw).hexdigest() for name, raw in job["files"].items()}
    return hashlib.sha256(json.dumps({**job, "files": hashed}, sort_keys=True).encode()).hexdigest()
