"""The errata on a page: filters, checks on demand, and what is stored without a front end."""

import pytest

from course.lessons import errata, predictions
from course.lessons.errata import select
from course.lessons.ledger import claims
from widgets import Errata


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(predictions.HOME, str(tmp_path))


def text_of(page: Errata) -> str:
    (output,) = page.output.outputs
    return output["data"]["text/markdown"]


def test_all_claims_are_there_and_no_check_has_run():
    page = Errata(interactive=True)
    assert [claim.id for claim in page.chosen] == [claim.id for claim in select()]
    assert text_of(page).count("<details>") == len(claims())
    assert not any(row.cases for row in page.rows.values())
    assert f"{len(claims())} of {len(claims())} claims: holds " in page.sentence.value
    assert "role='status'" in page.sentence.value


def test_each_list_filters():
    page = Errata(interactive=True)
    page.filters["document"].value = 4
    page.filters["verdict"].value = "missing"
    assert page.chosen == select(document=4, verdict="missing")
    assert text_of(page).count("<details>") == len(page.chosen)
    page.filters["section"].value = 1
    assert text_of(page) == "Nothing meets all of this."
    assert f"0 of {len(claims())} claims." in page.sentence.value
    for one in page.filters.values():
        one.value = "all"
    page.words.value = "momentum"
    assert page.chosen == select(words="momentum")
    page.words.value = ""
    page.filters["day_one"].value = errata.DAY_ONE
    assert page.chosen == []


def test_the_checks_of_what_is_shown_run_once():
    page = Errata(interactive=True)
    page.words.value = "D4-3.1"
    shown = [claim.id for claim in page.chosen]
    page.run.click()
    settled = [name for name, row in page.rows.items() if row.cases]
    assert settled == shown and not page.run.disabled
    assert f"Checks that ran: {len(shown)}. " in page.sentence.value
    assert "Core cases: they decide" in text_of(page)
    page.run.click()
    assert "Checks that ran: 0. " in page.sentence.value


@pytest.mark.parametrize("error", [KeyboardInterrupt(), errata.CourseError("no memory is left")])
def test_what_stops_a_check_is_told_and_what_ran_before_stays(monkeypatch, error):
    page = Errata(interactive=True)
    page.words.value = "D4-3.1"
    first, second, *_ = [claim.id for claim in page.chosen]
    real = errata.settled

    def settled(claim):
        if claim.id == second:
            raise error
        return real(claim)

    monkeypatch.setattr(errata, "settled", settled)
    page.settle()
    assert page.rows[first].cases and not page.rows[second].cases
    assert f"Stopped: {error or 'interrupted'}. " in page.sentence.value and not page.run.disabled


def test_a_condition_that_is_none_is_refused_and_what_is_shown_stays():
    page = Errata(interactive=True)
    page.show(document=1)
    with pytest.raises(errata.CourseError, match="section"):
        page.show(section=9)
    assert page.chosen == select(document=1)


def test_without_a_front_end_all_are_settled_and_stored_as_markdown(monkeypatch):
    few = [claim for claim in claims() if claim.chapter == "3_05_clipping"]
    monkeypatch.setattr(errata, "select", lambda **conditions: few)
    page = Errata(interactive=False)
    data = page._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/markdown"}
    assert data["text/markdown"].count("✓ holds") + data["text/markdown"].count("✗ fails") >= 2
    assert data["text/markdown"].count("<details>") == len(few)
    for claim in few:
        assert claim.id in data["text/plain"]


def test_live_it_is_a_widget_with_one_line_of_text():
    page = Errata(interactive=True)
    data = page._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == page.box.model_id
    assert "\n" not in data["text/plain"]
