"""A CSV dropped into `inbox/` is parsed, its rows enriched side by side, and loaded.

Try it:  printf 'id,amount\\n1,10\\n2,32\\n' > examples/inbox/today.csv
"""

import csv
from pathlib import Path

from triphammer import Event, context, files, flow, task


@task
def parse(path: Path) -> list[dict[str, str]]:
    """Read the rows of one file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@task(retries=3, backoff="exponential", timeout="30s")
async def enrich(row: dict[str, str], region: str) -> dict[str, str]:
    """Add what the warehouse needs to know of a row."""
    context().logger.info("row %s", row.get("id"))
    return {**row, "region": region}


@task
def load(rows: list[dict[str, str]]) -> int:
    """Load all rows; here: count them and their amounts."""
    total = sum(int(row.get("amount") or 0) for row in rows)
    print(f"loaded {len(rows)} rows, amount {total}")
    return total


@flow(on=files("inbox", "*.csv", done="archive", failed="broken"))
def orders(event: Event, region: str = "eu") -> object:
    """One run a file: parse, enrich each row, load."""
    rows = parse(event.data["path"])
    return load(enrich.partial(region=region).map(rows))
