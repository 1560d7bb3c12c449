"""HTTP: the hooks and event doors, the API, the stream, the console."""
