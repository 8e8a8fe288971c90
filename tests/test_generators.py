"""The generator that draws in the page: its script beside the package's network, its weights of 8 bits,
and what a reader does with it in a real Chromium."""

import json

import numpy as np
import pytest
import torch

from gancourse import features, nets
from scripts import generators, light
from tests.test_embeds import Page, roots, site  # noqa: F401  (fixtures)

FILES = sorted(set(generators.FOLDER.glob("*.js")) - {generators.FOLDER / "generator.js"})
SCRIPT = generators.FOLDER / "generator.js"


@pytest.fixture(scope="module")
def js(browser):
    """A value of generator.js, as JSON; every written generator is there."""
    page = browser.new_page()
    for path in (*FILES, SCRIPT):
        page.add_script_tag(path=str(path))
    yield page.evaluate
    page.close()


def drawn(js, model, z, y):
    """What the script draws, (N, pixels)."""
    call = "([model, z, y]) => { const G = gcGenerator.network(model); "
    call += "return z.map((row, k) => Array.from(G(row, y[k]))); }"
    return np.array(js(call, [model, z.tolist(), y.tolist()]))


def requests(n=30, nz=64):
    z = torch.randn(n, nz, generator=torch.Generator().manual_seed(3))
    return 1.5 * z, torch.arange(n) % 10


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_script_draws_what_the_package_draws_from_the_same_weights(js, path):
    model, (z, y) = generators.read(path), requests()
    with torch.no_grad():
        theirs = generators.unpack(model)(z, y).flatten(1).numpy()
    mine = drawn(js, model, z, y)
    assert theirs.std() > 0.3
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-3)
    print(f"{path.stem}: at most {np.abs(mine - theirs).max():.1e} of a pixel apart")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_written_generator_answers_requests(path):
    model = generators.read(path)
    y = torch.arange(500) % 10
    z = torch.randn(500, model["nz"], generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        large = torch.nn.functional.interpolate(
            generators.unpack(model)(z, y), (28, 28), mode="bilinear"
        )
        seen = features.load("glyphs").logits(large).argmax(1)
    assert (seen == y).double().mean() > 0.95
    directions = np.array(model["directions"])
    np.testing.assert_allclose(directions @ directions.T, np.eye(4), atol=1e-3)


@pytest.mark.parametrize("side", [16, 32])
def test_batch_norm_is_folded_in_and_8_bits_move_a_pixel_little(js, side):
    torch.manual_seed(1)
    G = nets.ConditionalDCGANGenerator(12, (1, side, side), num_classes=10)
    for layer in G.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values, low, high in (
                (layer.running_mean, -0.3, 0.3), (layer.running_var, 0.2, 2),
                (layer.weight.data, 0.3, 2), (layer.bias.data, -0.5, 0.5),
            ):  # fmt: skip
                values.uniform_(low, high)
        elif hasattr(layer, "weight"):
            layer.weight.data *= 8
    G.eval()
    model, (z, y) = generators.packed(G), requests(nz=12)
    with torch.no_grad():
        exact = G(z, y).flatten(1).numpy()
    mine = drawn(js, model, z, y)
    assert exact.std() > 0.1
    assert np.abs(mine - exact).mean() < 0.02 * exact.std()


def test_a_layer_that_the_page_does_not_know_is_an_error():
    with pytest.raises(TypeError, match="Conv2d"):
        generators.folded([torch.nn.Conv2d(1, 1, 3)])


def test_latents_are_normal_and_the_path_keeps_them_so(js):
    z = np.array(js("Array.from(gcGenerator.normals(5, 20000))"))
    assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.02 and abs((z**4).mean() - 3) < 0.2
    asked = json.dumps({"t": 0.3, "tau": 0.5, "moves": [2.0, 0.0]})
    given = js(
        f"Array.from(gcGenerator.latent({{...{asked}, a: [1, 2], b: [3, -1]}}, [[0, 1], [1, 0]]))"
    )
    c, s = np.cos(0.3 * np.pi / 2), np.sin(0.3 * np.pi / 2)
    np.testing.assert_allclose(given, [0.5 * (c + 3 * s), 0.5 * (2 * c - s) + 2], atol=1e-9)


def test_files_are_small_and_stand_alone():
    assert SCRIPT.stat().st_size <= 12_000
    for path in FILES:
        assert path.stat().st_size <= 150_000
        assert "\\u" not in path.read_text() and path.read_text().startswith("// python scripts/")
    source = SCRIPT.read_text(encoding="utf-8")
    assert not any(word in source for word in ("fetch(", "import ", "eval(", "http", "innerHTML"))


# --- in the page


PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def pixels(page, which):
    return np.array(page.fold.locator(f"canvas.gc-generator-{which}").evaluate(PIXELS))


def opened(page):
    page.fold.locator("summary").first.click()
    page.fold.locator("[data-drawn]").wait_for()
    return page.fold.locator(".gc-generator")


def settled(page):
    page.tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_it_draws_at_every_value(browser, roots, scheme):  # noqa: F811
    with Page(browser, roots[scheme], "10-conditional") as page:
        assert "generator.js" not in page.asked
        figure, address = opened(page), page.tab.url
        assert page.asked[-2:] == ["conditional.js", "generator.js"]
        seven, row = pixels(page, "large"), pixels(page, "row").reshape(16, 169, 4)
        assert seven.reshape(16, 16, 4)[..., 0].std() > 40
        np.testing.assert_array_equal(seven.reshape(16, 16, 4), row[:, 7 * 17 : 7 * 17 + 16])
        figure.get_by_role("button", name="3", exact=True).click()
        settled(page)
        three = pixels(page, "large")
        np.testing.assert_array_equal(three.reshape(16, 16, 4), row[:, 3 * 17 : 3 * 17 + 16])
        before = three
        for value in (
            0.123,
            0.1234,
        ):  # no grid of frames: a thousandth of the path is another picture
            figure.get_by_label("Path from one latent").evaluate(
                "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value
            )
            settled(page)
            now = pixels(page, "large")
            assert (now != before).any() and np.isclose(
                float(figure.get_attribute("data-drawn").split()[1]), value
            )
            before = now
        figure.get_by_role("button", name="Two other latents").click()
        figure.get_by_role("button", name="Reset").click()
        settled(page)
        assert (pixels(page, "large") != three).any() and page.tab.url == address
        # The browser's word on this test's own reading of pixels.
        page.problems[:] = [p for p in page.problems if "willReadFrequently" not in p]


def test_what_is_drawn_is_the_networks_answer(browser, roots):  # noqa: F811
    """The canvas shows the package's picture of the latent that the controls name."""
    with Page(browser, roots["file"], "10-conditional") as page:
        figure = opened(page)
        moves = {"Truncation": 0.6, "Direction 2": -3.5}
        for label, value in moves.items():
            figure.get_by_label(label).evaluate(
                "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value
            )
        settled(page)
        a = torch.tensor(page.tab.evaluate("Array.from(gcGenerator.normals(1, 64))"))
        model = generators.read(generators.FOLDER / "conditional.js")
        z = 0.6 * a - 3.5 * torch.tensor(model["directions"][1])
        with torch.no_grad():
            wanted = generators.unpack(model)(z[None].float(), torch.tensor([7]))
        shown = pixels(page, "large").reshape(16, 16, 4)[..., 0]
        np.testing.assert_allclose(shown, 127.5 * (wanted[0, 0].numpy() + 1), atol=0.6)


def test_by_keyboard_alone(browser, roots):  # noqa: F811
    with Page(browser, roots["file"], "10-conditional") as page:
        page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("Enter")
        figure = page.fold.locator(".gc-generator")
        page.fold.locator("[data-drawn]").wait_for()
        page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("Enter")  # 0
        assert figure.get_by_role("button", name="0", exact=True).get_attribute("aria-pressed") == "true"
        for _ in range(10):
            page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("ArrowRight")
        page.tab.keyboard.press("ArrowRight")
        settled(page)
        assert figure.get_attribute("data-drawn").startswith("0 0.04 1 ")
        assert figure.locator("output").first.text_content() == "0.04"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, roots, theme, width):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    with Page(browser, roots["http"], "10-conditional", width=width, theme=theme) as page:
        figure = opened(page)
        found = Axe().run(page.tab).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
        for target in figure.locator("button, input").all():
            box = target.bounding_box()
            assert box["height"] >= 24 and box["x"] + box["width"] <= width


def test_the_lab_page_has_it_too():
    assert "<!-- generator: conditional -->" in (light.ROOT / "book" / "lab.md").read_text()
