// Makes a page of the built book fit for a reading device; scripts/epub.py calls it in Chromium, page by page.
async ({name, article, names, frames, letters}) => {
  const doc = new DOMParser().parseFromString(`<!doctype html><body>${article}</body>`, "text/html");
  const all = (selector, root = doc) => [...root.querySelectorAll(selector)];
  const make = (tag, text, attributes = {}) => {
    const element = doc.createElement(tag);
    element.append(text);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const counts = {formulas: 0, figures: 0, answers: 0};

  // Figures with sliders: the picture in view and others along the slider that is played, with their words.
  for (const holder of all("script.gc-frames")) {
    const data = JSON.parse(holder.textContent), figure = doc.getElementById(data.id);
    const shown = figure.querySelector("img"), sizes = data.values.map(texts => texts.length);
    const labels = [...figure.querySelectorAll(".gc-row label")].map(label => label.textContent);
    const plain = labels.length < sizes.length;  // its title names its one slider
    const steps = sizes[0], stride = data.frames.length / steps, many = Math.min(frames, steps);
    const sources = data.frames.map(source => source || shown.getAttribute("src"));
    const rest = data.frames.indexOf(null) % stride;  // where the other sliders stand
    const made = doc.createElement("div");
    made.className = "gc-strip";
    made.append(make("p", figure.querySelector("figcaption").textContent, {class: "gc-name"}));
    for (let k = 0; k < many; k++) {
      const at = Math.round(k * (steps - 1) / Math.max(1, many - 1)) * stride + rest;
      let left = at;
      const says = sizes.map((size, axis) => {
        const below = sizes.slice(axis + 1).reduce((a, b) => a * b, 1), value = Math.floor(left / below);
        left %= below;
        return `${plain ? "" : labels[axis] + " "}${data.values[axis][value]}`;
      });
      const one = doc.createElement("figure");
      one.append(make("img", "", {src: sources[at], alt: data.alts[at]}), make("figcaption", says.join(", ")));
      made.append(one);
    }
    figure.replaceWith(made);
    counts.figures++;
  }

  // What runs in a fold: the link to its page.
  for (const fold of all("details.gc-embed")) {
    const link = fold.querySelector("a"), line = fold.querySelector("p");
    link.setAttribute("href", link.getAttribute("href").replace(/#.*/, ""));
    link.textContent = fold.querySelector("summary").textContent;
    fold.replaceWith(line);
  }
  for (const both of all("picture")) both.replaceWith(both.querySelector("img"));  // not the one for a phone

  // What a page that can't be clicked has no use for: buttons, links beside headings, code of figures.
  for (const sound of all("audio")) sound.replaceWith(make("p", "(A sound; it plays on the page.)"));
  for (const dead of all("script, style, button, input, form, svg, noscript, .headerlink, .gc-facts > p, details.hide, .gc-practice, #gc-progress, [data-gc-tick]"))
    dead.remove();

  // Formulas.
  for (const holder of all(".math")) {
    const tex = holder.textContent.trim(), shown = holder.tagName === "DIV";
    const inner = tex.replace(/^\\[(\[]([^]*)\\[)\]]$/, "$1");
    const text = await MathJax.tex2mmlPromise(inner, {display: shown});
    const math = new DOMParser().parseFromString(text, "text/xml").documentElement;
    if (math.querySelector("merror")) throw Error(`${name}: ${inner}`);
    math.setAttribute("alttext", inner);
    for (const part of math.querySelectorAll("*"))
      for (const {name: key, value} of [...part.attributes]) if (!value.trim()) part.removeAttribute(key);
    for (const letter of math.querySelectorAll("mi")) {
      if (letters && letter.textContent === "G") letter.setAttribute("mathcolor", "#b34700");
      if (letters && letter.textContent === "D") letter.setAttribute("mathcolor", "#00734f");
    }
    const place = doc.createElement(shown ? "div" : "span");
    place.className = shown ? "gc-display" : "gc-inline";
    if (holder.id) place.id = holder.id;
    place.append(doc.importNode(math, true));
    holder.replaceWith(place);
    counts.formulas++;
  }

  // Folded answers stand at the page's end, with a link there and one back.
  const answers = doc.createElement("section");
  answers.id = "gc-answers";
  answers.append(make("h2", "Hints, solutions, answers"));
  for (const fold of all("details")) {
    if (fold.parentElement.closest("details")) continue;
    const number = ++counts.answers, title = fold.querySelector("summary").textContent.trim();
    let before = fold;
    while (before && !/^H[1-6]$/.test(before.tagName))
      before = before.previousElementSibling || before.parentElement;
    const over = before ? `${before.textContent.trim()}: ${title}` : title;
    fold.querySelector("summary").remove();
    for (const inner of all("details", fold)) {
      const words = inner.querySelector("summary");
      inner.replaceWith(make("p", make("strong", words.textContent)), ...[...inner.childNodes].filter(n => n !== words));
    }
    const there = make("p", make("a", `${title} (at the end of the page)`, {href: `#gc-answer-${number}`}), {id: `gc-asked-${number}`});
    const entry = make("section", make("h3", over), {id: `gc-answer-${number}`});
    entry.append(...fold.childNodes, make("p", make("a", "back to the text", {href: `#gc-asked-${number}`})));
    fold.replaceWith(there);
    answers.append(entry);
  }
  if (counts.answers) doc.body.append(answers);

  // Links lead through the book, to the outside, or nowhere; what is only on the page is words.
  for (const link of all("a")) {
    const address = link.getAttribute("href") || "";
    const inside = address.match(/^(?:\.\.\/book\/)?([\w-]*?)(?:\.html)?(?:#(.*))?$/);
    const other = inside && (inside[1] || name);
    if (inside && address && names.includes(other))
      link.setAttribute("href", `${other === name && inside[2] ? "" : other + ".xhtml"}${inside[2] ? "#" + inside[2] : ""}`);
    else if (address && !/^(https?|mailto):/.test(address)) link.replaceWith(...link.childNodes);
  }
  for (const element of all("*", doc.body)) {
    if (element.hasAttribute("lang")) element.setAttribute("xml:lang", element.lang);
    if (element.closest("math")) continue;
    for (const attribute of [...element.attributes])
      if (/^(loading|decoding|border|align|tabindex|data-.*|on.*|align|valign|download|aria-live|translate|style)$/.test(attribute.name))
        element.removeAttribute(attribute.name);
    if (element.tagName === "IMG") { element.removeAttribute("width"); element.removeAttribute("height"); }
  }
  const pictures = all("img").map(image => image.getAttribute("src"));
  const title = (doc.querySelector("h1")?.textContent || name).trim();
  const xml = new XMLSerializer();
  const body = [...doc.body.childNodes].map(node => xml.serializeToString(node)).join("");
  return {title, body, pictures, ...counts};
}
