from saladkit.speech.batches import batches_by_length


def test_batches_are_of_about_one_length_and_never_too_long():
    lengths = [3.0, 9.0, 1.0, 2.0, 2.0, 30.0]
    assert batches_by_length(lengths, 6.0) == [[2, 3, 4], [0], [1], [5]]
    assert batches_by_length(lengths, 1e9) == [[2, 3, 4, 0, 1, 5]]
