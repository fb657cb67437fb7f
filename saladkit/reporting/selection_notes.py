"""What a reader of selections should know: regions left out or without texts, and chosen texts that hold an answer."""

from collections.abc import Iterator

from saladkit.reporting.inventory import Found
from saladkit.reporting.region_gaps import RegionGaps

KEYWORDS = 3  # that name a region


def selection_notes(regions: RegionGaps) -> list[str]:
    """Return sentences about the selections, from their manifests."""
    names = {row.region: ", ".join(row.keywords[:KEYWORDS]) for row in regions.rows}
    return [note for selection in regions.selections for note in _notes(selection, names)]


def _notes(selection: Found, names: dict[int, str]) -> Iterator[str]:
    counts, name = selection.manifest["counts"], selection.name
    if bad := counts.get("dropped_for_bad_speech"):
        reasons = "; ".join(f"{_name(int(region), names)} ({why})" for region, why in bad.items())
        yield f"{name}: regions left out for bad speech: {reasons}."
    if draw := counts.get("draw"):
        if empty := draw["regions_that_ran_empty"]:
            listed = "; ".join(
                f"{_name(of['region'], names)} (asked for {of['asked']:.0f} texts, had {of['had']})" for of in empty
            )
            yield f"{name}: regions that ran empty: {listed}."
        yield (
            f"{name}: total variation between the {draw['counted_in']} by region asked for and drawn:"
            f" {draw['total_variation']:.2f} ({draw['expected_by_chance']:.2f} by chance)."
        )
    if found := counts.get("decontamination", {}).get("chosen_texts_with_answer"):
        if found["texts"]:
            yield (
                f"{name}: {found['texts']} of {counts['rows']} chosen texts hold the fact that one of"
                f" {found['questions']} questions asks."
            )


def _name(region: int, names: dict[int, str]) -> str:
    return names.get(region, f"region {region}")
