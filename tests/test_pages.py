"""The pages beside the chapters: links and anchors resolve, every line has a source."""

import re

import pytest

from tests.pages import BOOK, CHAPTERS, LINK, PAGES, anchors, slug, text

# Made by the build, so not in a fresh checkout.
GENERATED = {"exercises.md", "checks.md", "teaching.md"}


def broken(name: str) -> list[str]:
    bad = []
    for link in LINK.findall(text(name)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        target = target or name
        if target in GENERATED and not (BOOK / target).exists() and not anchor:
            continue
        if not (BOOK / target).exists():
            bad.append(link)
        elif anchor and anchor not in anchors(target):
            bad.append(link)
    return bad


def test_slugs_as_github_makes_them():
    assert slug("Exercise 1.1 · The best discriminator") == "exercise-11--the-best-discriminator"
    assert slug("`data.ring`") == "dataring"
    assert slug("Turn λ") == "turn-λ"
    assert slug("Start [here](x.md)") == "start-here"


@pytest.mark.parametrize("name", [f"{p}.md" for p in PAGES] + [f"{c}.ipynb" for c in CHAPTERS])
def test_internal_links_and_anchors_resolve(name):
    assert not broken(name)


# Glossary: the block itself is fenced, so read it raw.
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^(\S[^\n]*)\n  ([^\n]+)$", GLOSSARY.partition("```{glossary}")[2], re.M)
PROSE = {}


def everything() -> str:
    if "all" not in PROSE:
        sources = [(BOOK / f"{c}.ipynb").read_text(encoding="utf-8") for c in CHAPTERS]
        PROSE["all"] = "".join(sources).lower().replace("\\n", " ")
    return PROSE["all"]


# A term as the glossary lists it, and as the chapters (or the page it links to) say it.
SAID = {
    "accumulation of gradients": "accumulat",
    "bias of a score": "bias line",
    "birthday test": "birthday paradox",
    "held-out data": "held-out",
    "teacher and student": "teacher",
    "data leak": "leak",
    "fresh judge": "fresh judge",
    "residual block": "residual",
    "two time-scale update rule": "two time-scale update rule",
    "simultaneous steps": "simultaneous",
    "bootstrap interval": "bootstrap",
    "checkerboard artefact": "checkerboard",
    "copying test": "copying test",
    "EMA": "exponential moving average",
    "fade-in": "faded in",
    "fair share": "fair share",
    "FID∞": "fid$_",
    "floor and ceiling": "floor",
    "Gumbel-softmax": "gumbel",
    "label noise": "wrong labels",
    "learning-rate decay": "decay",
    "LSGAN": "lsgan",
    "cycle consistency": "cycle-consistent",
    "data augmentation": "data augmentation",
    "differentiable augmentation": "differentiable augmentation",
    "gradient clipping": "**clip**",
    "Gumbel noise": "its own noise",
    "hidden signal": "a hidden signal",
    "leaking augmentation": "**leaks**",
    "noise multiplier": "noise multiplier",
    "per-picture gradient": "per-picture gradients",
    "privacy accounting": "these add up over steps",
    "straight-through estimator": "straight-through",
    "unpaired translation": "translation without pairs",
    "optimal discriminator": "best discriminator",
    "relativistic pair": "relativistic",
    "R3GAN": "r3gan",
}


def test_the_glossary_is_read_whole():
    assert len(TERMS) >= 80
    names = [t for t, _ in TERMS if t != ":sorted:"]
    assert len(set(map(str.lower, names))) == len(names)


@pytest.mark.parametrize(("term", "entry"), TERMS, ids=[t for t, _ in TERMS])
def test_a_term_has_a_link_a_chinese_name_and_is_used(term, entry):
    links = LINK.findall(entry)
    assert links, "no link"
    for link in links:
        target, _, anchor = link.partition("#")
        assert (BOOK / target).exists() and (not anchor or anchor in anchors(target)), link
    head, _, sentence = entry.rpartition(" · ")
    assert sentence.strip() and head
    same = {"Dirac-GAN", "PacGAN", "R3GAN", "softplus", "Gumbel-softmax", "WGAN", "FID∞"}
    assert re.search(r"[\u4e00-\u9fff]", head) or term in same, "no Chinese term"
    page = (BOOK / links[0].partition("#")[0]).read_text(encoding="utf-8").lower()
    said = SAID.get(term, term).lower()
    assert said in everything() or said in page, f"{said!r} is nowhere in the book"


def sections(name: str) -> dict[str, str]:
    """Heading of level 3 -> what stands below it."""
    raw = (BOOK / name).read_text(encoding="utf-8")
    raw = re.sub(r"^```.*?^```$", "", raw, flags=re.M | re.S)
    parts = re.split(r"^(#{2,3}) (.+)$", raw, flags=re.M)
    triples = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {title: body for level, title, body in triples if level == "###"}


@pytest.mark.parametrize("question", sections("faq.md"))
def test_an_answer_is_short_and_has_a_link(question):
    body = sections("faq.md")[question]
    assert LINK.findall(body)
    words = len(re.sub(r"\]\([^)]*\)", "", body).split())
    assert 20 < words < 190, f"{words} words"


def test_every_line_of_the_history_has_a_source():
    lines = re.findall(r"^- (.+)$", text("history.md"), re.M)
    assert len(lines) > 25
    assert not [line for line in lines if not LINK.findall(line)]
    told = text("history.md").partition("## Who was first?")[2]
    assert len(LINK.findall(told)) >= 4


def test_a_date_agrees_with_its_arxiv_number():
    months = "January February March April May June July August September October November December"
    number = {name: k for k, name in enumerate(months.split(), 1)}
    checked = 0
    for line in re.findall(r"^- (.+)$", text("history.md"), re.M):
        date = re.match(r"\*\*(?:(\w+) )?(\d{4})\.\*\*", line)
        if not date:
            continue
        first = re.search(r"arxiv\.org/abs/(\d\d)(\d\d)\.", line)
        if not first or "on arXiv in" in line:
            continue
        assert int(first[1]) + 2000 == int(date[2]), line
        if date[1]:
            assert int(first[2]) == number[date[1]], line
        checked += 1
    assert checked >= 12


# What source tutorials tell wrong, and the paper or page that is right.
TOLD = {
    "2017, WGAN 2018": "1411.1784", "Tai Neng Wan": "1701.07875", "Was Ist Das": "1606.03498",
    "LeCun": "coursera.org", "gradient reversal": "1409.7495", "λ D(x)": "formulas.md",
    "convolution back-propagation": "09-dcgan", "RMSprop": "04-wasserstein",
    "BatchNorm, or noise": "1809.11096", "imbalance of the players": "03-failures",
    "reinforcement learning": "02-training", "no decoder": "13-vae", "tf.placeholder": "02-training",
    "over real data": "02-training", "trained first": "02-training",
}  # fmt: skip


@pytest.mark.parametrize("wrong", TOLD)
def test_what_is_told_wrong_is_set_right(wrong):
    section = text("history.md").partition("## Told wrong")[2].partition("\n## ")[0]
    (line,) = (x for x in section.splitlines() if wrong in x.split("**")[1 if "**" in x else 0])
    assert TOLD[wrong] in line


def test_every_item_of_where_next_has_a_link():
    lines = re.findall(r"^- (.+)$", text("where-next.md"), re.M)
    assert len(lines) > 20 and not [line for line in lines if not LINK.findall(line)]
