"""Select from a table that pandas, polars or DuckDB has made, and read the chosen texts with the same library.

python examples/neighbours/selection_in_tables.py duckdb web.csv run --embedder BAAI/bge-small-en-v1.5

web.csv has a number in `page` and a text in `body`. What saladkit reads and writes are Parquet files, so between the
library and the commands there is no code: `pool.parquet` is any table with `id` and `text` (or --id-column and
--text-column), and `chosen/*.parquet` has all of its columns, and why each text was chosen (docs/formats.md).
"""

import subprocess
import sys
from pathlib import Path

import click


def with_pandas(source: str, pool: Path) -> None:
    """Make the pool; `category` and nullable types are read, too."""
    import pandas

    table = pandas.read_csv(source, dtype={"site": "category"}).convert_dtypes()
    table[table.body.str.len() > 40].drop_duplicates("body").to_parquet(pool)


def with_polars(source: str, pool: Path) -> None:
    """Make the pool, lazily."""
    import polars

    table = polars.scan_csv(source, schema_overrides={"site": polars.Categorical})
    table.filter(polars.col("body").str.len_chars() > 40).unique("body", maintain_order=True).sink_parquet(pool)


def with_duckdb(source: str, pool: Path) -> None:
    """Make the pool in one statement."""
    import duckdb

    chosen = duckdb.sql(f"SELECT DISTINCT ON (body) * FROM read_csv('{source}') WHERE length(body) > 40")
    chosen.order("page").write_parquet(str(pool))


def count_with_pandas(chosen: Path) -> list[tuple]:
    """Return region, number of texts and mean predicted seconds."""
    import pandas

    table = pandas.concat(map(pandas.read_parquet, sorted(chosen.glob("*.parquet"))))
    return list(table.groupby("region")["predicted_duration"].agg(["size", "mean"]).itertuples(name=None))


def count_with_polars(chosen: Path) -> list[tuple]:
    """As `count_with_pandas`."""
    import polars

    figures = (polars.len(), polars.col("predicted_duration").mean())
    return polars.scan_parquet(chosen / "*.parquet").group_by("region").agg(*figures).sort("region").collect().rows()


def count_with_duckdb(chosen: Path) -> list[tuple]:
    """As `count_with_pandas`."""
    import duckdb

    columns = "region, count(*), avg(predicted_duration)"
    return duckdb.sql(f"SELECT {columns} FROM '{chosen}/*.parquet' GROUP BY region ORDER BY region").fetchall()


LIBRARIES = {
    "pandas": (with_pandas, count_with_pandas),
    "polars": (with_polars, count_with_polars),
    "duckdb": (with_duckdb, count_with_duckdb),
}


@click.command()
@click.argument("library", type=click.Choice(list(LIBRARIES)))
@click.argument("source")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--embedder", required=True, help="As `saladkit regions` takes it.")
@click.option("--clusters", default=128, show_default=True, help="Number of regions.")
@click.option("--count", default=1000, show_default=True, help="Number of texts to choose.")
def main(library: str, source: str, run: Path, embedder: str, clusters: int, count: int) -> None:
    """Make a pool of SOURCE with LIBRARY, choose texts of it, and print how many are of which region."""
    make, count_by_region = LIBRARIES[library]
    run.mkdir(parents=True, exist_ok=True)
    make(source, run / "pool.parquet")
    columns = ["--id-column", "page", "--text-column", "body"]
    _saladkit(
        "regions", run / "pool.parquet", "-o", run / "regions", "--embedder", embedder, "--clusters", clusters, *columns
    )
    _saladkit(
        "select",
        run / "pool.parquet",
        "-o",
        run / "chosen",
        "--regions",
        run / "regions",
        "--strategy",
        "uniform",
        "--count",
        count,
        *columns,
    )
    for region, texts, seconds in count_by_region(run / "chosen"):
        print(f"region {region}: {texts} texts of {seconds:.1f} s")


def _saladkit(*line: object) -> None:
    """Run a command; its messages are on stderr."""
    done = subprocess.run([sys.executable, "-m", "saladkit", *map(str, line)], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
