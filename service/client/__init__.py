"""The client of the daemon's API: each call is described once, for two faces that send it."""
