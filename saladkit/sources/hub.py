"""Read a data set of the Hugging Face Hub from the local cache, or download it."""

from pathlib import Path

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


def read_hub_file(name: str, path: str, *, fix: str) -> Path:
    """Return where a file of a data set is stored; it is downloaded if it is not in the cache.

    Args:
        name: `owner/name` on the Hub.
        path: the file's path in the data set.
        fix: what an error advises.

    Raises:
        SaladError: the file is not in the cache and cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, path, repo_type="dataset"))
    except Exception as error:  # the Hub client raises many types
        reason = " ".join(str(error).split())[:200]
        raise SaladError(
            f"{path} of {name} is not in the Hugging Face cache and could not be downloaded: {type(error).__name__}:"
            f" {reason}",
            fix,
        ) from error
