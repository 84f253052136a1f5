"""The bookkeeping of one grading: which exercise of which learner is open, and what is written where.

What came out of a box is kept in `results` under a name made from all that it depends on. So a second grading runs only what
is new, and one that was broken off goes on where it stopped.
"""

import concurrent.futures
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from helpers.course import batch_files
from helpers.course.grading import judging, marks, pages, scores, submissions

MADE = "graded.json"  # lists the learners' files, so that those of a learner who is gone can be taken away
WAITING = 50  # exercises that wait to be judged before the next is looked at, so that few are held in memory


class Grading:
    """Where a grading stands. Leave it by `stop`, which ends the processes that judge.

    Parameters
    ----------
    out : pathlib.Path
        The folder to write to.
    found : list of submissions.Submission
    exercises : dict of str to assignments.Exercise
        Those that are graded.
    secret : str
        What the seeds are made from.
    settings : dict
        What every job has in common: `limits`, `walls`, `course`.
    again : container of str, optional
        Learners whose programs are run although they were before.
    at_once : int, optional
        How many answers are judged at once; as many as there are cores by default.

    Attributes
    ----------
    handed_in : int
        Learners with at least one exercise, so far.
    broken : set of str
        Questions whose check itself failed.
    look : set of str
        Learners with an answer that could not be judged as it should.
    ended : set of str
        Learners with a program that did not run to its end.
    """

    def __init__(self, out, found, exercises, secret, settings, again=(), at_once=None):
        self.out, self.submissions, self.exercises, self.secret, self.settings = out, found, exercises, secret, settings
        self.open = {}  # learner: the record, the names of exercises that are not graded yet, and their seeds
        self.ready, self.names, self.seen, self.handed_in, self.again = [], [], set(), 0, again
        self.broken, self.look, self.ended = set(), set(), set()
        self.judges, self.judged = judging.Judges(), {}  # future: learner and exercise
        self.threads = concurrent.futures.ThreadPoolExecutor(at_once or os.cpu_count())

    def jobs(self) -> Iterator[tuple]:
        """What has to be run: each learner is read when the turn comes.

        Yields
        ------
        (str, str), dict
            Learner and exercise, and the job, for those that were not graded before.
        """
        for submission in self.submissions:
            content = submissions.read(submission)
            notebooks = submissions.matched(self.exercises, content.files, content.times)
            trouble = content.trouble or ("" if notebooks else "holds no notebook of an exercise")
            record = {"learner": submission.learner, "trouble": trouble, "assignments": {}}
            jobs = {name: self._job(self.exercises[name], content, places[0]) for name, places in notebooks.items()}
            self.open[submission.learner] = (record, set(notebooks), {name: job["seeds"] for name, job in jobs.items()})
            self.seen |= set(notebooks)
            self.handed_in += bool(notebooks)
            for name, job in jobs.items():
                first, *others = notebooks[name]
                record["assignments"][name] = {"timestamp": content.times[first], "key": key(job)}
                record["assignments"][name] |= {"notebook": str(first), "others": len(others)} if others else {}
            if not notebooks:
                self._close(submission.learner)
            for name, job in jobs.items():
                if self._result(record, name).exists() and submission.learner not in self.again:
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

    def finished(self, wait=False):
        """Learners whose files have been written since the last call.

        Parameters
        ----------
        wait : bool, default False
            For those that are being judged.

        Returns
        -------
        list of str
        """
        self._note(0 if wait else WAITING)
        ready, self.ready = self.ready, []
        return ready

    def stop(self):
        """End the processes that judge, also those at work."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.judges.close()
        self.threads.shutdown()

    def close(self):
        """Write the table of scores and the overview, and take away what an earlier grading made for learners who are gone."""
        self._note(0)
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

    def _job(self, exercise, content, place):
        here = exercise.notebook.rpartition("/")[0]
        own = submissions.files_of(content, place, exercise.folder)
        own = _beside(own, [exercise.notebook.rpartition("/")[2]])
        files = _beside(exercise.files(), own) | own
        files = {f"{here}/{name}" if here else name: raw for name, raw in files.items()}
        files[exercise.notebook] = content.files[place]
        handed_in = hashlib.sha256(json.dumps(_hashed(files), sort_keys=True).encode()).hexdigest()
        seeds = {question_id: marks.seed(self.secret, question_id, handed_in) for question_id in exercise.questions}
        about = {"notebook": exercise.notebook, "questions": exercise.questions, "seeds": seeds}
        return {**about, "files": files, **self.settings}

    def _result(self, record, name):
        return self.out / "results" / f"{record['assignments'][name]['key']}.json"

    def _mark(self, learner, name):
        """Have it judged, while others run and are judged."""
        record, _, seeds = self.open[learner]
        future = self.threads.submit(self._marked, name, self._result(record, name), seeds[name])
        self.judged[future] = (learner, name)
        self._note(WAITING)

    def _marked(self, name, file, seeds):
        try:
            result = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            raise batch_files.BatchError(f"{file} is damaged. Delete it, and grade again.") from None
        with self.judges.one() as judge:
            return marks.mark(self.exercises[name], result, seeds, judge.decide), bool(result["trouble"])

    def _note(self, most):
        """Take in what has been judged; wait while more than so many are not."""
        while True:
            for future in [future for future in self.judged if future.done()]:
                self._take_in(*self.judged.pop(future), *future.result())
            if len(self.judged) <= most:
                return
            # Asked again and again, because a wait without an end cannot be interrupted on Windows.
            concurrent.futures.wait(self.judged, 0.5, concurrent.futures.FIRST_COMPLETED)

    def _take_in(self, learner, name, marked, ended):
        record, waiting, _ = self.open[learner]
        record["assignments"][name] |= marked
        outcomes = {question_id: question["outcome"] for question_id, question in marked["questions"].items()}
        self.broken |= {question_id for question_id, outcome in outcomes.items() if outcome == judging.BROKEN}
        self.look |= {learner} if marked["look"] else set()
        self.ended |= {learner} if ended else set()
        waiting.discard(name)
        if not waiting:
            self._close(learner)

    def _close(self, learner):
        record, *_ = self.open.pop(learner)
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
    return hashlib.sha256(json.dumps({**job, "files": _hashed(job["files"])}, sort_keys=True).encode()).hexdigest()


def _hashed(files):
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}


def _beside(files, others):
    """The files that can lie in one folder with the others: none of them is a folder of the other, or the same."""
    taken = {PurePosixPath(name) for name in others}
    folders = {folder for place in taken for folder in place.parents}
    places = {name: PurePosixPath(name) for name in files}
    return {
        name: raw for name, raw in files.items() if places[name] not in taken | folders and taken.isdisjoint(places[name].parents)
    }
