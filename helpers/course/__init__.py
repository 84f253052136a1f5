"""What runs the course itself: the environment, questions, progress, the batch, the making of exercises."""
