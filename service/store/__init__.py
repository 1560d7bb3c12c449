"""Where everything durable lives: one contract, an SQLite store, an in-memory one."""
