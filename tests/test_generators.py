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


def styled(js, model, z):
    """The same of a style-based generator, and its w."""
    call = "([model, z]) => { const G = gcGenerator.styled(model), w = z.map(G.mapping); "
    call += "return [w.map(v => Array.from(v)), w.map(v => Array.from(G.synthesis(v)))]; }"
    return map(np.array, js(call, [model, z.tolist()]))


def requests(n=30, nz=64):
    z = torch.randn(n, nz, generator=torch.Generator().manual_seed(3))
    return 1.5 * z, torch.arange(n) % 10


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_script_draws_what_the_package_draws_from_the_same_weights(js, path):
    model = generators.read(path)
    G, (z, y) = generators.unpack(model), requests(nz=model["nz"])
    with torch.no_grad():
        if model["classes"]:
            theirs, mine = G(z, y), drawn(js, model, z, y)
        else:
            theirs, (w, mine) = G(z), styled(js, model, z)
            np.testing.assert_allclose(w, G.mapping(z), rtol=0, atol=1e-4)
    theirs = theirs.flatten(1).numpy()
    assert theirs.std() > 0.3
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-3)
    print(f"{path.stem}: at most {np.abs(mine - theirs).max():.1e} of a pixel apart")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_written_generator_answers_requests(path):
    model = generators.read(path)
    y = torch.arange(500) % 10
    z = torch.randn(500, model["nz"], generator=torch.Generator().manual_seed(7))
    G = generators.unpack(model)
    with torch.no_grad():
        images = G(z, y) if model["classes"] else G(z)
        large = torch.nn.functional.interpolate(images, (28, 28), mode="bilinear")
        seen = features.load("glyphs").logits(large).argmax(1)
    if model["classes"]:
        assert (seen == y).double().mean() > 0.95
    else:  # nobody asks it for a digit: all ten come
        assert torch.bincount(seen, minlength=10).min() > 10
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


def test_a_style_based_generator_of_random_weights(js):
    """Weights larger than a trained one's, styles far from 1, noise and biases that matter."""
    torch.manual_seed(2)
    G = nets.StyleGenerator(6, (1, 16, 16), width=3).eval()
    with torch.no_grad():
        for layer in G.layers:
            layer.strength.fill_(0.7)
            layer.bias.normal_()
        for layer in (m for m in G.modules() if isinstance(m, nets.ModulatedConv)):
            layer.style.bias.uniform_(-2, 2)
    model = generators.packed(G)
    kept, (z, _) = generators.unpack(model), requests(nz=6)
    with torch.no_grad():
        exact, theirs = G(z).flatten(1).numpy(), kept(z).flatten(1).numpy()
    _, mine = styled(js, model, z)
    assert theirs.std() > 0.3 and np.abs(exact - theirs).mean() < 0.05 * exact.std()
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-3)


def test_truncation_of_w_goes_to_its_mean_and_directions_move_it(js):
    model = generators.read(generators.FOLDER / "style.js")
    a, b = requests(2, model["nz"])[0]
    asked = {"a": a.tolist(), "b": b.tolist(), "t": 0.4, "tau": 0.3, "moves": [0, 2.5, 0, 0]}
    call = "([m, asked]) => { const { mapping } = gcGenerator.styled(m); "
    call += "return Array.from(gcGenerator.latent(asked, m.directions, mapping, m.mean)); }"
    with torch.no_grad():
        w = generators.unpack(model).mapping((np.cos(0.2 * np.pi) * a + np.sin(0.2 * np.pi) * b)[None])[
            0
        ]
    mean, direction = torch.tensor(model["mean"]), torch.tensor(model["directions"][1])
    np.testing.assert_allclose(
        js(call, [model, asked]), mean + 0.3 * (w - mean) + 2.5 * direction, atol=1e-4
    )


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
        assert path.stat().st_size <= 210_000
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
    page.fold.locator("[data-drawn]").wait_for()


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


def test_a_style_based_generator_in_its_page(browser, roots):  # noqa: F811
    with Page(browser, roots["file"], "11-bigger-deeper-style") as page:
        figure = opened(page)
        assert figure.get_by_role("button", name="7").count() == 0
        moves = {"Path from one": 0.37, "Truncation ψ": 0.6, "Direction 2 of w": -1.5}
        for label, value in moves.items():
            figure.get_by_label(label).evaluate(
                "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value
            )
        settled(page)
        a, b = (
            torch.tensor(page.tab.evaluate(f"Array.from(gcGenerator.normals({k}, 32))")) for k in (1, 2)
        )
        model = generators.read(generators.FOLDER / "style.js")
        G, mean = generators.unpack(model), torch.tensor(model["mean"])
        angles = np.pi / 2 * np.array([0.37, *np.linspace(0, 1, 10)])
        z = torch.stack([np.cos(t) * a + np.sin(t) * b for t in angles]).float()
        with torch.no_grad():
            w = mean + 0.6 * (G.mapping(z) - mean) - 1.5 * torch.tensor(model["directions"][1])
            wanted = 127.5 * (G.synthesis(w)[:, 0].numpy() + 1)
        shown = pixels(page, "large").reshape(16, 16, 4)[..., 0]
        np.testing.assert_allclose(shown, wanted[0], atol=0.6)
        row = pixels(page, "row").reshape(16, 169, 4)[..., 0]
        for k in range(10):
            np.testing.assert_allclose(row[:, 17 * k : 17 * k + 16], wanted[k + 1], atol=0.6)


@pytest.mark.parametrize("stem", ["09-dcgan", "10-conditional", "11-bigger-deeper-style"])
def test_a_move_of_a_slider_is_drawn_at_once(browser, roots, stem):  # noqa: F811
    """The large picture, and no long task (50 ms): the fastest of twenty moves."""
    with Page(browser, roots["file"], stem) as page:
        opened(page)
        took = page.tab.evaluate("""async () => {
          const slider = document.querySelector(".gc-generator input"), took = [];
          for (let k = 0; k < 20; k++) {
            slider.value = k / 20;
            slider.dispatchEvent(new Event("input"));
            const before = performance.now();
            await new Promise(requestAnimationFrame);
            took.push(performance.now() - before);
          }
          return took;
        }""")
        print(f"{stem}: {min(took):.1f} ms at best, {np.median(took):.1f} in the middle")
        assert min(took) < 50


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
@pytest.mark.parametrize("stem", ["10-conditional", "11-bigger-deeper-style"])
def test_axe_finds_nothing_and_nothing_overflows(browser, roots, theme, width, stem):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    with Page(browser, roots["http"], stem, width=width, theme=theme) as page:
        figure = opened(page)
        found = Axe().run(page.tab).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
        for target in figure.locator("button, input").all():
            box = target.bounding_box()
            assert box["height"] >= 24 and box["x"] + box["width"] <= width


def test_the_lab_page_has_it_too():
    assert "<!-- generator: conditional -->" in (light.ROOT / "book" / "lab.md").read_text()
