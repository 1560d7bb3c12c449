"""Events in, decisions out: which flows an event starts, and when their runs may begin."""
