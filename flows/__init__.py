"""Task graphs and how they run."""
