"""Loading the flows again while the daemon serves: who asks, what tells of it, what is done."""
