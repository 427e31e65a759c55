"""docs/benchmarks.md is what the results say."""

from benchmarks.run import BENCHMARKS, PAGE, RESULTS, page


def test_the_page_is_made_of_the_results_that_are_bundled():
    assert {path.stem for path in RESULTS.glob("*.json")} <= BENCHMARKS.keys()
    assert PAGE.read_text(encoding="utf-8") == page()
