"""The question banks: `q22a` holds the questions of lesson 22a, in `QUESTIONS`, by their ids ("22a.1", …)."""
