"""Settings, their sources, and the plain values shared by the whole house."""
