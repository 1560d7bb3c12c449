"""Where task bodies run: the flow loop for coroutines, threads for plain functions."""
