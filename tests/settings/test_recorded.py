"""What the manifests of `cache-teacher` and `select` record of their settings."""

from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.select import SelectSettings


def test_the_seed_of_a_cache_is_recorded_if_tokens_are_drawn():
    assert "seed" not in CacheTeacherSettings(model="m", seed=3).recorded()
    recorded = CacheTeacherSettings(model="m", keep="sampled", seed=3).recorded()
    assert (recorded["seed"], recorded["draws"]) == (3, 50) and "top_k" not in recorded


def test_the_share_of_a_budget_is_recorded_and_its_speech_is_an_input():
    recorded = SelectSettings(regions="r", strategy="uniform", fraction_of=("speech", 0.25)).recorded()
    assert recorded["fraction"] == 0.25
    assert not {"fraction_of", "words_per_second", "gamma", "metric", "bonus", "ngram"} & set(recorded)


def test_settings_of_strategies_are_not_recorded_for_probes():
    recorded = SelectSettings(regions="r", per_region=3, strategy="dsir").recorded()
    assert recorded["per_region"] == 3
    assert not {"strategy", "gamma", "metric", "bonus"} & set(recorded)
