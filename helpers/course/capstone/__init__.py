"""The check of the capstone: starts a learner's system, tries it, and writes a report. `check.check` does it."""
