from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.store.fixture import FOLDER
from tests.service.store.test_released_schemas import restore, schema
from triphammer.service.cli.pruning import prune_here
from triphammer.service.errors import StoreError

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("dry", [True, False])
def test_an_older_database_is_not_migrated_by_the_way(tmp_path: Path, dry: bool) -> None:
    database = restore(FOLDER / "0001.sql", tmp_path)
    with pytest.raises(StoreError, match="triphammer db migrate"):
        prune_here(tmp_path, None, NOWHERE, dry=dry)
    assert schema(database)[0] == 1
