"""The testing kit: flows in memory, with virtual time."""
