"""The built book in a real Firefox, from a server and by double click; every outside host refused."""

import re

import pytest

from tests import firefox
from tests.pages import served
from tests.test_book import HTML, PAGES, PHONE, WITH_CODE

# MathJax keeps a hidden copy of each formula in MathML for screen readers; Firefox, which reads that
# itself, finds empty attributes in it.
NOT_OURS = re.compile(r"Error in parsing the value .* attribute of <m\w+/>|MathML")

PICTURES = """Promise.all([...document.querySelectorAll('.bd-article img')].map(i => {
  i.loading = 'eager';
  const seen = () => i.naturalWidth ? [] : [i.src.slice(-80)];
  return i.complete ? seen() : new Promise(r => { i.onload = i.onerror = () => r(seen()) });
})).then(all => all.flat())"""
DRAWN = """(() => {
  const of = s => document.querySelectorAll('.bd-article ' + s).length;
  return of('.math mjx-container') >= of('.math');
})()"""
# Each value of each slider, as the arrow keys set it: how many pictures are seen, and which fail.
FRAMES = """(async () => {
  const found = [];
  for (const figure of document.querySelectorAll('.gc-flipbook:not(.gc-live)')) {
    figure.scrollIntoView({behavior: 'instant'});
    const image = figure.querySelector('img');
    for (const slider of figure.querySelectorAll('input[type=range]')) {
      const seen = new Set(), failed = [];
      for (let value = 0; value <= +slider.max; value++) {
        slider.value = value;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        if (!image.complete) await new Promise(r => { image.onload = image.onerror = r; });
        if (!image.naturalWidth) failed.push(image.src.slice(-60));
        seen.add(image.src);
      }
      found.push([slider.ariaLabel || slider.labels[0]?.textContent || '', seen.size, failed]);
    }
  }
  return found;
})()"""
RUNNING = "document.querySelector('[data-lab]').dataset"


@pytest.fixture(scope="module")
def fox():
    if firefox.path() is None:
        pytest.skip("no Firefox: `apt-get install firefox-esr` (.ci/run does)")
    browser = firefox.Firefox(firefox.path())
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def site():
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    with served(HTML) as address:
        yield address


def problems(fox):
    return [p for p in fox.problems() if not NOT_OURS.search(p)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_by_itself(fox, site, name):
    fox.size(1280)
    fox.open(f"{site}/{name}.html")
    fox.until(DRAWN)
    assert fox.evaluate("document.querySelectorAll('mjx-merror').length") == 0
    assert fox.evaluate(PICTURES) == []
    assert fox.evaluate("document.documentElement.scrollWidth") <= 1280
    fox.size(PHONE)
    assert fox.evaluate("document.documentElement.scrollWidth") <= PHONE
    assert problems(fox) == []


@pytest.mark.parametrize("name", WITH_CODE)
def test_every_frame_of_a_figure_loads_by_double_click(fox, name):
    fox.size(1280)
    fox.open((HTML / f"{name}.html").as_uri())
    for label, seen, failed in fox.evaluate(FRAMES):
        assert label.strip() and seen > 1 and failed == []
    assert problems(fox) == []


def test_a_figure_is_turned_and_played_by_keyboard(fox, site):
    fox.size(1280)
    fox.open(f"{site}/{WITH_CODE[0]}.html")
    slider, image = ".gc-flipbook input[type=range]", ".gc-flipbook img"
    fox.evaluate(f"document.querySelector('{slider}').focus()")
    fox.press("Home")
    before = fox.evaluate(f"document.querySelector('{image}').src")
    fox.press("ArrowRight")
    assert fox.evaluate(f"document.querySelector('{slider}').value") == "1"
    fox.press("Home")
    fox.click(".gc-flipbook button")
    fox.until(f"document.querySelector('{image}').src !== {before!r}")
    assert problems(fox) == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_lab_trains(fox, site, scheme):
    fox.size(1280)
    root = site if scheme == "http" else HTML.as_uri()
    fox.open(f"{root}/book/lab.html#steps=10000")
    assert fox.evaluate(f"{RUNNING}.step") == "0"
    fox.evaluate(
        "[...document.querySelectorAll('[data-lab] button')].find(b => b.textContent === 'Run').focus()"
    )
    fox.press("Enter")
    fox.until(f"+{RUNNING}.step > 200 && +{RUNNING}.modes >= 1")
    fox.press("Enter")  # the same button pauses
    assert fox.evaluate(f"{RUNNING}.running") == "false"
    assert problems(fox) == []


def test_the_search_finds(fox, site):
    fox.open(f"{site}/search.html?q=discriminator")
    fox.until("document.querySelectorAll('#search-results li a').length > 0")
    assert problems(fox) == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_what_is_solved_on_one_page_is_known_on_another(fox, site, scheme):
    """By double click, too: this browser keeps one store for all files."""
    root = site if scheme == "http" else HTML.as_uri()
    fox.open(f"{root}/book/03-failures.html")
    fox.evaluate("document.querySelector('[data-gc-tick=\"3.2\"] input').click()")
    fox.open(f"{root}/book/exercises.html")
    assert fox.evaluate("document.querySelector('[data-gc-tick=\"3.2\"] input').checked")
    assert fox.evaluate("document.getElementById('gc-progress').textContent").startswith("1 of ")
    fox.evaluate("gcProgress.erase()")
    assert problems(fox) == []
