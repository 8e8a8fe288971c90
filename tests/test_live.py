"""Figures that are formulas, drawn by book/_static/live.js: its numbers beside the package's and the
chapters', and what a reader does with them in a real Chromium."""

from __future__ import annotations

import ast
import json
import shutil
from functools import cache

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import wasserstein_distance

from gancourse import data, dynamics, explore
from gancourse.losses import LOSSES
from scripts import light, live, notebook

BOOK = light.ROOT / "book"
TITLES = {kind: title for title, (kind, _) in live.FIGURES.items()}
PARAMETERS = {kind: make() for kind, make in live.FIGURES.values()}


@cache
def code(stem: str) -> list[ast.stmt]:
    cells = notebook.read(BOOK / f"{stem}.ipynb").cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    return [node for source in sources for node in ast.parse(source).body]


def chapter(stem: str, *names: str) -> dict:
    """What a chapter defines under these names, run alone: functions, imports and constants."""
    wanted = []
    for node in code(stem):
        targets = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if isinstance(node, ast.ImportFrom) and node.module in ("scipy.optimize", "scipy.stats"):
            wanted.append(node)
        elif {getattr(node, "name", None), *targets} & set(names):
            wanted.append(node)
    space: dict = {"torch": torch, "np": np, "math": __import__("math")}
    exec(compile(ast.Module(wanted, []), stem, "exec"), space)
    assert set(names) <= set(space), f"{stem} defines no {set(names) - set(space)}"
    return space


@cache
def calls() -> dict[str, list[tuple[str, dict[str, ast.expr]]]]:
    """Title -> the chapters and arguments of each call of explore with that title."""
    found: dict[str, list] = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        for node in (n for top in code(path.stem) for n in ast.walk(top)):
            if isinstance(node, ast.Call):
                arguments = {k.arg: k.value for k in node.keywords if k.arg}
                title = arguments.get("title")
                if isinstance(title, ast.Constant):
                    found.setdefault(title.value, []).append((path.stem, arguments))
    return found


# --- the numbers ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def js(browser):
    """A value of live.js, as JSON."""
    page = browser.new_page()
    page.add_script_tag(path=str(BOOK / "_static" / "live.js"))
    yield lambda expression: page.evaluate(f"(() => {{ const L = gcLive; return {expression}; }})()")
    page.close()


def close(mine, theirs, within=1e-6):
    np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), rtol=within, atol=within)


POINTS = [(0, 0.5), (2, 0.5), (-3.3, 0.3), (1, 1.2), (7.5, 2), (0.4, 3)]


@pytest.mark.parametrize(("mean", "width"), POINTS)
def test_the_best_discriminator_and_the_divergence(js, mean, width):
    one = chapter("01-minimax", "x", "integrate", "log_normal", "log_p", "jsd")
    x = torch.linspace(-6, 8, 57, dtype=torch.float64)
    log_q = one["log_normal"](x, mean, width)
    places = json.dumps(x.tolist())
    theirs = torch.sigmoid(one["log_p"](x) - log_q)
    close(js(f"{places}.map((x) => L.bestD(x, {mean}, {width}))"), theirs)
    p = data.GaussianMixture(torch.tensor([[-2.0], [2.0]]), 0.5).density(x[:, None].float())
    close(theirs, p / (p + log_q.exp()), 1e-4)  # and the package's density, in float32
    divergence = one["jsd"](one["log_p"](one["x"]), one["log_normal"](one["x"], mean, width))
    close(js(f"L.jsd({mean}, {width})"), divergence)


NOISE = json.dumps(PARAMETERS["dirac"])


@pytest.mark.parametrize("game", dynamics.DIRAC)
def test_the_fields_of_the_dirac_gans(js, game):
    at = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    at[0] = 0
    mine = js(f"{json.dumps(at.tolist())}.map(([t, p]) => L.field('{game}', t, p, {NOISE}))")
    close(mine, dynamics.dirac(game).field(at))


@pytest.mark.parametrize("scheme", ["simultaneous", "alternating"])
@pytest.mark.parametrize("game", dynamics.DIRAC)
def test_the_paths_of_the_dirac_gans(js, game, scheme):
    for start in ((1.0, 1.0), (-2.05, 0.35)):
        mine = js(f"L.simulate('{game}', {list(start)}, 0.2, 500, '{scheme}', {NOISE})")
        close(mine, dynamics.simulate(dynamics.dirac(game), start, 0.2, 500, scheme))


@pytest.mark.parametrize("gamma", [0, 0.05, 0.7, 1.3, 3])
def test_the_eigenvalues_and_the_factor_of_a_step(js, gamma):
    jacobian = dynamics.jacobian(dynamics.dirac("r1", gamma=gamma))
    theirs = np.sort_complex(torch.linalg.eigvals(jacobian).numpy())
    mine = np.sort_complex([complex(*pair) for pair in js(f"L.eigenvalues({gamma})")])
    close(mine, theirs)
    for h in (0.2, 1.5):
        rate = dynamics.predicted_rate(jacobian, h, "simultaneous")
        close(js(f"L.factor({gamma}, {h})"), np.exp(rate))


@pytest.mark.parametrize("loss", ["minimax", "nonsaturating"])
def test_the_gradient_at_generated_points(js, loss):
    """By the package's losses and autograd, averaged over the points by scipy."""
    for s, distance in ((0.5, 3.0), (4.0, 0.5), (8.0, 1.5)):

        def slope(x):
            at = torch.tensor([x], dtype=torch.float64, requires_grad=True)
            value = LOSSES[loss].generator(s * at, s * at)
            return torch.autograd.grad(value, at)[0].abs().item()

        def weighted(e):
            return slope(-distance / 2 + 0.2 * e) * np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi)

        theirs = quad(weighted, -9, 9, epsabs=1e-9)[0]
        quadrature = json.dumps(PARAMETERS["strength"]["quadrature"])
        close(js(f"L.meanGradient('{loss}', {s}, {distance}, {quadrature})"), theirs)


@pytest.mark.parametrize(("first", "second"), [(-2, 1), (0.3, -0.8), (1.2, 1.1), (-0.5, 2), (1, 1)])
def test_the_cheapest_plan(js, first, second):
    plan = chapter("04-wasserstein", "transport_plan")["transport_plan"]
    piles, holes = np.array([[-1.0, 0.6], [1.0, 0.6]]), np.array([[first, -0.6], [second, -0.6]])
    ways = np.linalg.norm(piles[:, None] - holes, axis=2)
    theirs, cost = plan(np.array([0.7, 0.3]), np.array([0.5, 0.5]), ways)
    mine = js(f"L.masses({first}, {second})")
    close(mine["cost"], cost)
    if first != second:  # then there are many
        close(mine["plan"], theirs)


def test_the_best_critic_on_a_line(js):
    here = chapter("04-wasserstein", "critic_on_a_line", "CLOUD", "CLUMP")
    close(PARAMETERS["critic"]["cloud"], here["CLOUD"])
    close(PARAMETERS["critic"]["clump"], here["CLUMP"])
    for center, width in ((3.5, 2), (-1.4, 4), (0, 0.5)):
        fake = center + width * here["CLUMP"]
        mine = js(f"L.critic({here['CLOUD'].tolist()}, {fake.tolist()})")
        places, heights = here["critic_on_a_line"](here["CLOUD"], fake)
        close(mine["places"], places)
        close(mine["heights"], heights)
        close(mine["w1"], wasserstein_distance(here["CLOUD"], fake))


# --- the chapters ---------------------------------------------------------------------------------


def axes(js, kind):
    return js(f"L.FIGURES.{kind}.axes({json.dumps(PARAMETERS[kind])})")


@pytest.mark.parametrize("kind", TITLES)
def test_a_chapter_has_the_figure_and_its_values_are_on_the_axes(js, kind):
    ((_, arguments),) = calls()[TITLES[kind]]
    own = {k: v for k, v in arguments.items() if k not in ("title", "start", "interval_ms")}
    mine = axes(js, kind)
    assert list(own) == [axis["name"] for axis in mine][: len(own)]
    for axis, node in zip(mine, own.values()):
        if isinstance(node, ast.List):
            values = ast.literal_eval(node)
            assert axis["min"] <= min(values) and max(values) <= axis["max"]


def test_the_games_are_the_chapters(js):
    theirs = chapter("03-failures", "TITLES")["TITLES"]
    assert dict(PARAMETERS["dirac"]["games"]) == theirs and list(theirs) == list(dynamics.DIRAC)


# --- in the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of chapter 3 with all live figures, and one flipbook."""
    root = tmp_path_factory.mktemp("site")
    (root / "book").mkdir()
    (root / "_static" / "scripts").mkdir(parents=True)
    (root / "_static" / "scripts" / "fontawesome.js").write_text("")
    for name in ("gancourse.css", "live.js"):
        shutil.copy(BOOK / "_static" / name, root / "_static" / name)
    some = {
        "game": {"mean": [0, 2], "width": [0.5, 1]},
        "strength": {"strength": [1, 2], "distance": [0.5, 3.0]},
        "dirac": {"game": list(dynamics.DIRAC), "scheme": ["simultaneous", "alternating"]},
        "disc": {"gamma": [0.3, 1], "h": [0.5, 1]},
        "masses": {"first": [-2, 0.25], "second": [0.2, 1]},
        "critic": {"center": [0, 3.5], "width": [0.5, 2]},
    }

    def draw(**values):
        return np.full((6, 9), 10 * len(str(values)) % 255, np.uint8), f"at {values}"

    figures = [
        explore.explore(draw, title=TITLES[kind], start={k: v[1] for k, v in given.items()}, **given)
        for kind, given in some.items()
    ]
    figures.append(explore.explore(draw, title="Another", mean=[0, 1]))
    (root / "book" / "03-a.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>3</title>'
        '<meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="../_static/gancourse.css"></head><body style="margin:12px">'
        f'<main><article class="bd-article"><h1>3</h1>{"".join(f.html for f in figures)}'
        "</article></main></body></html>",
        encoding="utf-8",
    )
    light.main(root)
    return root


@pytest.fixture
def opened(browser, folder):
    contexts = []

    def at(hash="", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto((folder / "book" / "03-a.html").as_uri() + hash)
        page.wait_for_selector(".gc-live .gc-grip")
        return page

    yield at
    for context in contexts:
        assert [problem for page in context.pages for problem in page.problems] == []
        context.close()


NUMBER = {kind: k for k, kind in enumerate(TITLES, 1)}


def figure(page, kind):
    return page.locator(f"#fig-3-{NUMBER[kind]}")


def values(one):
    """What the figure's sliders and buttons say."""
    page = one.page
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return one.evaluate(
        "f => [...f.querySelectorAll('.gc-row')].map(r => r.querySelector('output')?.textContent"
        " ?? r.querySelector(':checked').parentElement.textContent)"
    )


def test_a_live_figure_needs_no_frames(folder):
    page = (folder / "book" / "03-a.html").read_text(encoding="utf-8")
    assert page.count('class="gc-live-data"') == 6 and page.count('class="gc-frames"') == 1
    assert page.count('<script defer src="../_static/live.js">') == 1
    stills = page.count("<img ")
    assert stills == 7 and len(list((folder / "_images").iterdir())) <= stills + 1
    assert (folder / "_static" / "live.js").stat().st_size < 25_000
    other = page.replace("gc-live-data", "")
    assert live.live(other, "../") == other  # once


def test_it_starts_where_the_chapter_does(opened):
    page = opened()
    assert values(figure(page, "game")) == ["2.00", "1.00"]
    assert values(figure(page, "dirac")) == ["nonsaturating", "alternating", "1.00", "1.00"]
    assert not page.locator(".gc-live img").count()


def test_the_arrow_keys_move_the_point(opened):
    page = opened()
    one = figure(page, "game")
    grip = one.get_by_role("slider", name="the generated bell")
    grip.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert values(one) == ["2.55", "0.95"]  # upwards is narrower
    assert grip.get_attribute("aria-valuetext") == "mean 2.55, width 0.95"
    masses = figure(page, "masses")
    masses.get_by_role("slider", name="the second mass").focus()
    page.keyboard.press("ArrowLeft")
    assert values(masses) == ["0.25", "0.99"]


def test_sliders_and_buttons_do_the_same_and_a_line_says_it(opened):
    page = opened()
    one = figure(page, "dirac")
    one.get_by_text("wgan-gp").click()
    one.get_by_label("start θ").fill("-0.5")
    assert values(one) == ["wgan-gp", "alternating", "−0.50", "1.00"]
    said = one.locator(".gc-said")
    assert said.get_attribute("aria-live") == "polite"
    page.wait_for_function(
        "e => e.textContent.startsWith('WGAN-GP, slope 1, alternating steps from (−0.50, 1.00)')",
        arg=said.element_handle(),
    )


def centre(locator):
    # drawn in the next frame, which may be long in coming
    frames = "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"
    locator.page.evaluate(frames)
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("kind", TITLES)
def test_every_ring_can_be_dragged_and_stays_under_the_pointer(opened, kind):
    page = opened()
    one = figure(page, kind)
    one.scroll_into_view_if_needed()
    for grip in one.locator(".gc-grip").all():
        before, (x, y) = values(one), centre(grip)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 15, y, steps=3)
        page.mouse.move(x - 30, y, steps=3)
        page.mouse.up()
        assert values(one) != before
        if kind != "disc":  # where the ring keeps to its line
            assert centre(grip)[0] == pytest.approx(x - 30, abs=4)


def test_a_click_in_the_field_starts_there(opened):
    page = opened()
    one = figure(page, "dirac")
    one.scroll_into_view_if_needed()
    x, y = centre(one.locator(".gc-grip"))
    page.mouse.click(x - 60, y + 60)
    assert centre(one.locator(".gc-grip")) == pytest.approx((x - 60, y + 60), abs=4)


def test_a_finger_drags_the_ring_and_not_the_page(opened):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    one = figure(page, "masses")
    one.scroll_into_view_if_needed()
    before, scrolled = values(one), page.evaluate("scrollY")
    x, y = centre(one.get_by_role("slider", name="the first mass"))
    devtools = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 15, "y": y + 40}]),
        ("touchMove", [{"x": x + 40, "y": y + 80}]),
        ("touchEnd", []),
    ):
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert float(values(one)[0].replace("−", "-")) > float(before[0].replace("−", "-"))
    assert page.evaluate("scrollY") == scrolled


def test_a_state_has_an_address(opened):
    page = opened("#fig-3-3=r1,simultaneous,0.5,-1.5")
    assert values(figure(page, "dirac")) == ["r1", "simultaneous", "0.50", "−1.50"]
    page = opened("#fig-3-1=3.3,1.4")
    assert values(figure(page, "game")) == ["3.30", "1.40"]
    link = figure(page, "game").get_by_role("link")
    link.focus()
    assert link.get_attribute("href") == "#fig-3-1=3.3,1.4"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_nothing_overflows_and_text_is_legible(opened, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(viewport={"width": width, "height": 900})
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    if theme == "dark":  # as the theme's own sheet does, which is not here
        dark = "body{background:#121212;color:#ced6dd;--pst-color-text-muted:#9ca4af}"
        page.add_style_tag(content=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.eval_on_selector_all(
        ".gc-plot text",
        "all => all.map(t => { const m = t.getScreenCTM();"
        " return Math.hypot(m.a, m.b) * parseFloat(t.getAttribute('font-size')); })",
    )
    assert min(heights) >= 9 and len(heights) > 60
    cut = page.eval_on_selector_all(
        ".gc-plot text",
        """all => all.filter(t => {
          const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
          return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1
            || a.bottom > b.bottom + 1;
        }).map(t => t.textContent)""",
    )
    assert cut == []
    assert page.problems == []
    found = Axe().run(page).response["violations"]
    page.problems.clear()  # axe asks for the style sheet in a wrong way
    assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []


def test_without_javascript_the_first_picture_stays(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "book" / "03-a.html").as_uri())
    assert page.locator(".gc-live img").count() == 6 == len(live.FIGURES)
    assert page.locator(".gc-live .gc-row").count() == 0
    context.close()


def test_paper_shows_the_drawing_without_rings(opened):
    page = opened()
    page.emulate_media(media="print")
    assert page.locator(".gc-live svg path:visible").count() > 50
    assert not page.locator(".gc-grip:visible").count()
