"""Seats everybody at one table: daemon, dispatcher, store, web and command line."""
