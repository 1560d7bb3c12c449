"""Sources of events: each sensor watches one kind of source and emits events."""
