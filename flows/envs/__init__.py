"""Python environments of flows and tasks that bring requirements of their own."""
