"""Grades notebooks that learners handed in, on the instructor's own machine: submissions in, scores and kind pages out."""
