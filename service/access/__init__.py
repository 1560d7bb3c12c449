"""Who may do what over HTTP: tokens, scopes, sessions, and what was done by whom."""
