"""The console: pages made on the server, readable without scripts, live with one."""
