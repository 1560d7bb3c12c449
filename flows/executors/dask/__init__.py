"""Executor `dask`: task bodies on a Dask cluster. Needs the extra `triphammer[dask]`."""
