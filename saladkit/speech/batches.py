"""Batches of recordings that are about equally long, so that little of a batch is padding."""


def batches_by_length(lengths: list[float], longest_batch: float) -> list[list[int]]:
    """Sort indices by length and cut them into batches.

    Args:
        lengths: of each recording, in s or any other unit.
        longest_batch: what the recordings of a batch may have together, each padded to the longest one; a recording
            that is longer is a batch of its own.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= longest_batch:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
