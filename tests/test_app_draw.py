"""The Draw tab in a real browser, and its API."""


def test_the_page_has_three_tabs(page):
    names = [tab.inner_text() for tab in page.get_by_role("tab").all()]
    assert names == ["Draw", "Train", "Test digits"]
