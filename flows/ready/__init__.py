"""Ready-made tasks: commands, HTTP requests, SQL, other machines, working copies."""
