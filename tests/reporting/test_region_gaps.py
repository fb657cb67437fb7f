from saladkit.reporting.region_gaps import METRICS
from saladkit.settings.select import SELECTION_METRICS


def test_the_page_can_describe_every_metric_that_a_selection_can_use():
    assert set(METRICS) == set(SELECTION_METRICS.values())
