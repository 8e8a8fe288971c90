// What the pages of the book share; scripts/light.py puts in explore.py's script of one figure and
// writes _static/page.js.
const gcFlipbook = (DATA) => {
"use strict";
FLIPBOOK
};
// A state of a figure has an address: #fig-3-2=minimax,0.5 is the figure and the values of its
// controls. A figure's title ends in a link to what is shown.
const brief = (label) => /^[a-z]+ ([\d,.]+)$/i.exec(label)?.[1].replaceAll(",", "") ?? label;
const asked = () => /^#(fig-[\d-]+)=(.*)$/.exec(location.hash) || [];
const linked = (figure, data) => {
  const rows = () => [...figure.querySelectorAll(".gc-row")].map((row) => {
    const range = row.querySelector("input[type=range]");  // hidden where words stand on buttons
    return range ? [range] : row.querySelectorAll("input");
  });
  const at = (inputs) =>
    inputs[0].type === "radio" ? [...inputs].findIndex((input) => input.checked) : +inputs[0].value;
  const link = document.createElement("a");
  link.className = "gc-link";
  link.textContent = "#";
  link.title = "Link to this picture";
  link.setAttribute("aria-label", link.title);
  const name = () => {
    const values = rows().map((inputs, k) => brief(data.values?.[k]?.[at(inputs)] ?? `${at(inputs)}`));
    link.href = `#${figure.id}=${values.map(encodeURIComponent).join(",")}`;
  };
  // Before anybody comes near it leads nowhere: the theme takes each anchor on a page for a selector.
  link.tabIndex = -1;  // to copy, by mouse, as Sphinx's links at headings
  link.setAttribute("role", "link");
  for (const event of ["pointerenter", "focus", "pointerdown"]) link.addEventListener(event, name);
  figure.querySelector("figcaption").append("\u00a0", link);
  const read = () => {
    const [, id, values] = asked();
    if (id !== figure.id) return;
    const wanted = values.split(",").map((value) => {
      try { return brief(decodeURIComponent(value)); } catch { return ""; }
    });
    rows().forEach((inputs, k) => {
      const labels = data.values?.[k], i = labels?.findIndex((label) => brief(label) === wanted[k]);
      const value = labels ? i : parseFloat(wanted[k]);
      if (!(labels ? i >= 0 : Number.isFinite(value))) return;
      const radio = inputs[0].type === "radio", input = inputs[radio ? value : 0];
      if (radio) input.checked = true;
      else input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    figure.scrollIntoView();
  };
  addEventListener("hashchange", read);
  read();
};
for (const holder of document.querySelectorAll("script.gc-frames")) {
  const data = JSON.parse(holder.textContent), figure = document.getElementById(data.id);
  gcFlipbook(data);
  // The other frames are fetched when the reader comes near, or touches the figure first.
  let kept = null;
  const preload = () => {
    kept = kept || data.frames.filter(Boolean).map((address) => {
      const image = new Image();
      image.src = address;
      return image;
    });
  };
  for (const event of ["pointerenter", "focusin", "touchstart"])
    figure.addEventListener(event, preload, { once: true, passive: true });
  const near = new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting)) { near.disconnect(); preload(); }
  }, { rootMargin: "50% 0px" });
  near.observe(figure);
  linked(figure, data);
}
// What runs in a fold (scripts/embeds.py) comes when the fold is opened, and its scripts with it: each
// sets gcEmbeds[kind], which puts it into an element.
{
  const coming = {};
  const load = (address) => coming[address] ??= new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: done });
    script.onerror = () => { delete coming[address]; failed(); };
    document.head.append(script);
  });
  for (const fold of document.querySelectorAll("details.gc-embed")) {
    const { embed, settings, scripts } = fold.dataset, link = fold.querySelector("p");
    let there = false;
    const open = async () => {
      if (!fold.open || there) return;
      there = true;
      if (embed === "lab") link.querySelector("a").hash = settings;
      try {
        for (const address of scripts.split(" ")) await load(address);
      } catch { there = false; return; }  // the link stays, and opening it again tries again
      const place = document.createElement("div");
      link.before(place);
      window.gcEmbeds[embed](place, settings, link.querySelector("a").href);
    };
    fold.addEventListener("toggle", open);
    if (document.readyState === "complete") open(); else addEventListener("load", () => setTimeout(open));
  }
}
// A tap opens a figure at full size, over the page: at the picture's own size on a phone, as large as
// fits and is sharp on a desk. Escape closes it, and the focus returns.
{
  const dialog = document.createElement("dialog");
  dialog.className = "gc-zoomed";
  dialog.setAttribute("aria-label", "The figure at full size");
  dialog.innerHTML = '<button type="button">Close</button><div tabindex="0"><img alt=""></div>';
  document.body.append(dialog);
  const [button, scroller] = dialog.children, large = scroller.firstChild;
  let opener = null;
  button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => opener.focus());
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.gc-zoom");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;  // a tab of its own
    event.preventDefault();
    opener = link;
    large.onload = () => {
      const sharp = large.naturalWidth;
      large.style.width = `${Math.max(+link.dataset.width, Math.min(sharp, innerWidth - 48))}px`;
    };
    large.alt = link.querySelector("img").alt;
    large.src = link.href;
    dialog.showModal();
    scroller.scrollTo(0, 0);
    scroller.focus();
  });
}
// On a phone the panels of a figure stand one below the other (small ones side by side), cut out of the same
// picture, where gancourse/_panels.py says that they can; a panel without a scale gets that of its row.
{
  const phone = matchMedia("(max-width: 480px)");
  const make = (style) => Object.assign(document.createElement("span"), { style });
  const apart = (image) => {
    const link = image.closest("a.gc-zoom");
    if (!phone.matches || !image.naturalWidth || !link || link.querySelector(".gc-panels")) return;
    const tall = image.naturalHeight / image.naturalWidth, stack = make("");
    stack.className = "gc-panels";
    for (const row of image.dataset.panels.split(";").filter(Boolean)) {
      const [bottom, top, left, right, ...scale] = row.split(" ").map(Number);
      // Below its numbers a scale has a piece of its own panel's.
      const pieces = scale.length ? [scale, [left, right, bottom]] : [[left, right, bottom]];
      const wide = pieces.reduce((sum, [a, b]) => sum + b - a, 0), h = top - bottom;
      const line = make(`width:min(100%, ${1.2 * link.dataset.width * wide}px)`);
      line.append(...pieces.map(([a, b, low]) => make(
        `flex:${99 * (b - a)} 0 0;aspect-ratio:${(b - a) / (h * tall)};clip-path:inset(0 0 ${100 * (low - bottom) / h}%);background:url("${image.currentSrc}")`
        + ` ${100 * a / (1 - b + a || 1)}% ${100 * (1 - top) / (1 - h || 1)}% / ${100 / (b - a)}% ${100 / h}%`)));
      stack.append(line);
    }
    link.append(stack);
  };
  const images = document.querySelectorAll("img[data-panels]");
  const all = () => images.forEach(apart);
  for (const image of images) image.addEventListener("load", () => apart(image));
  phone.addEventListener("change", all);
  all();
}
// What is wider than its column scrolls by itself, and can be reached and scrolled by keyboard.
const markScrollers = () => {
  for (const box of document.querySelectorAll(
    '.bd-article :is(mjx-container[display="true"], div.math, table.table, .gc-table)')) {
    if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto") {
      box.tabIndex = 0;
      box.classList.add("gc-scrolls");
    } else if (box.classList.contains("gc-scrolls")) {
      box.removeAttribute("tabindex");
      box.classList.remove("gc-scrolls");
    }
  }
};
addEventListener("load", () => {
  markScrollers();
  window.MathJax?.startup?.promise?.then(markScrollers);
});
addEventListener("resize", markScrollers);
// On paper everything is near.
addEventListener("beforeprint", () => {
  for (const image of document.querySelectorAll("img[loading=lazy]")) image.loading = "eager";
});
// Formulas are drawn and pictures come after the page has jumped to its anchor, and push it away: jump
// again while the page grows, until the reader moves.
const anchor = (() => {
  try { return document.getElementById(asked()[1] ?? decodeURIComponent(location.hash.slice(1))); }
  catch { return null; }
})();
if (anchor) {
  const growing = new ResizeObserver(() => anchor.scrollIntoView({ behavior: "instant" }));
  const settled = () => growing.disconnect();
  for (const event of ["wheel", "touchstart", "keydown", "pointerdown"])
    addEventListener(event, settled, { once: true, passive: true });
  addEventListener("load", () => setTimeout(settled, 5000), { once: true });
  growing.observe(document.body);
}
