# A thin front for `python -m helpers`, which does the same without make.
PYTHON ?= python3

help:
	@$(PYTHON) -m helpers

lab run test lock exercises bench doctor install capstone handbook slides nbgrader progress grade:
	@$(PYTHON) -m helpers $@ $(ARGS)

.PHONY: help lab run test lock exercises bench doctor install capstone handbook slides nbgrader progress grade
