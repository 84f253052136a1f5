"""What the lessons import: the data, the model, the servers, and, in `helpers.course`, the course itself."""
