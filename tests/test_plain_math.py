r"""scripts/plain_math.py: what a formula's TeX says, in letters and signs."""

import re

import pytest

from scripts import book, notebook, plain_math

ROOT = book.ROOT


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        (r"-\log 4 + 2\,\mathrm{JSD}(p, q)", "−log 4 + 2 JSD(p, q)"),
        (r"p_g(x) \le \tfrac12", "p<sub>g</sub>(x) ≤ 1/2"),
        (r"n_\text{real}", "n<sub>real</sub>"),
        (r"D^* = \frac{p(x)}{p(x) + q(x)}", "D<sup>*</sup> = p(x)/(p(x) + q(x))"),
        (r"\pm\frac{1}{2\lambda}", "±1/(2λ)"),
        (r"\tfrac{\gamma}{2}\lVert\nabla f\rVert^2", "(γ/2)‖∇f‖<sup>2</sup>"),
        (
            r"\mathbb{E}_{x \sim p}[\log\sigma(f)] - 1 < 2",
            "𝔼<sub>x~p</sub>[log σ(f)] − 1 &lt; 2",
        ),
        (r"\hat x + w\,(\hat x_c - \hat x)", "x̂ + w (x̂<sub>c</sub> − x̂)"),
        (r"\sqrt{1-t}\,\sqrt2", "√(1 − t) √2"),
        (r"\begin{pmatrix} 0 & \tfrac12 \\ -1 & 0 \end{pmatrix}", "(0 1/2; −1 0)"),
        (r"f'(x), \|x\|, \operatorname{tr} S", "f′(x), ‖x‖, tr S"),
        (r"\begin{aligned} V = {}& a \\ &- b \\ c \end{aligned}", "V = a − b; c"),
        (r"\tbinom{\alpha}{k} q^k", "(α choose k)q<sup>k</sup>"),
    ],
)
def test_a_formula_in_letters(tex, said):
    assert plain_math.plain(tex) == said and not plain_math.unknown(tex)


def test_an_unknown_command_is_named():
    assert plain_math.unknown(r"\weird x \le y") == {"weird"}
    assert plain_math.plain(r"\weird x") == "weirdx"


def test_nothing_in_a_formula_is_markup():
    assert plain_math.plain(r"a<b>\text{<i>}\operatorname{<u>}&c") == (
        "a &lt; b &gt; &lt;i&gt;&lt;u&gt; c"
    )


def test_each_command_of_the_book_has_a_sign():
    prose = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "book").glob("*.md"))]
    for path in book.notebooks(ROOT / "book"):
        cells = notebook.read(path).cells
        prose += [cell.source for cell in cells if cell.cell_type == "markdown"]
    formulas = [
        tex
        for text in prose
        for double, single in re.findall(
            r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text)
        )
        for tex in (double or single,)
    ]
    assert len(formulas) > 1000
    missing = {name for tex in formulas for name in plain_math.unknown(tex)}
    assert not missing, f"scripts/plain_math.py has no sign for {sorted(missing)}"
    assert not [tex for tex in formulas if "\\" in plain_math.plain(tex)]


def test_the_words_stand_beside_the_formula_for_pages_without_scripts():
    span = r'<span class="math notranslate nohighlight" style="--gc-w:1em">\(a &lt; b\)</span>'
    block = '<div class="math notranslate nohighlight">\n\\[x_1\\]</div>'
    text = plain_math.beside(f"<head></head><p>{span}</p>{block}")
    assert f"{span}<noscript>a &lt; b</noscript></p>" in text
    assert f"{block}<noscript><p>x<sub>1</sub></p></noscript>" in text
    assert "<noscript><style>.math{display:none!important}</style></noscript>\n</head>" in text
    assert plain_math.beside("<head></head><p>x</p>") == "<head></head><p>x</p>"
