"""Measures triphammer, each figure beside its physical limit in the same run."""
