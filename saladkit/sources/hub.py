"""Read a data set of the Hugging Face Hub from the local cache, or download it."""

import pyarrow as pa

from saladkit.errors import SaladError


def read_hub(name: str, split: str, configuration: str | None = None, *, title: str, fix: str) -> pa.Table:
    """Return one split of a data set, mapped from the cache; audio stays encoded, as it is stored.

    Args:
        name: `owner/name` on the Hub.
        title: what an error calls the data set.
        fix: what an error advises.

    Raises:
        SaladError: the data set is not in the cache and cannot be downloaded.
    """
    import datasets

    try:
        rows = datasets.load_dataset(name, configuration, split=split)
    except Exception as error:  # the Hub client raises many types: not found, offline, gated, damaged
        reason = " ".join(str(error).split())[:200]
        raise SaladError(
            f"{title} is not in the Hugging Face cache and could not be downloaded: {type(error).__name__}: {reason}",
            fix,
        ) from error
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Audio):
            rows = rows.cast_column(column, datasets.Audio(decode=False))
    return rows.data.table
