"""What a page does with an interactive figure of `explore`: its style sheet and its script."""

#: The look of a figure; in the built book one sheet for all.
STYLE = """
.gc-flipbook{max-width:720px;margin:1em 0;padding:0;color:inherit;font:inherit;text-align:left}
.gc-flipbook figcaption{margin:0 0 .5em;padding:0;color:inherit;font-weight:600;text-align:left}
.gc-flipbook .gc-card{display:block;width:100%;height:auto;margin:0;padding:6px;box-sizing:border-box;background:#fff;border-radius:6px;filter:none}
.gc-flipbook .gc-row{display:flex;flex-wrap:wrap;align-items:center;gap:.2em .8em;margin-top:.6em}
.gc-flipbook .gc-row:not(:has(button)){padding-left:calc(44px + .8em)}
.gc-flipbook .gc-row+.gc-row{margin-top:0}
.gc-flipbook label{margin:0;font-weight:inherit}
.gc-flipbook .gc-row label{min-width:var(--gc-name)}
.gc-flipbook output{flex:none;width:var(--gc-value);max-width:100%;font-variant-numeric:tabular-nums;color:inherit}
.gc-flipbook output::after{content:attr(data-after)}
.gc-flipbook input{flex:1 1 9em;min-width:0;height:28px;margin:0;background:none;appearance:none;-webkit-appearance:none;cursor:pointer}
.gc-flipbook input::-webkit-slider-runnable-track{height:4px;border-radius:2px;background:#767676}
.gc-flipbook input::-moz-range-track{height:4px;border-radius:2px;background:#767676}
.gc-flipbook input::-webkit-slider-thumb{-webkit-appearance:none;width:18px;height:18px;margin-top:-7px;border:2px solid #fff;border-radius:50%;background:#0072B2}
.gc-flipbook input::-moz-range-thumb{width:14px;height:14px;border:2px solid #fff;border-radius:50%;background:#0072B2}
.gc-flipbook button{flex:none;width:44px;height:44px;padding:0;border:1px solid #767676;border-radius:50%;background:none;color:inherit;cursor:pointer}
.gc-flipbook button svg{display:block;margin:auto;fill:currentColor}
.gc-flipbook audio{display:block;width:100%;max-width:480px;height:40px;margin:.6em 0 0}
.gc-flipbook input:focus-visible,.gc-flipbook button:focus-visible{outline:2px solid currentColor;outline-offset:2px;border-radius:22px}
.gc-flipbook [hidden]{display:none}
.gc-flipbook .gc-words{flex:1 1 9em;display:flex;flex-wrap:wrap;gap:.3em;margin:.2em 0}
.gc-flipbook .gc-words label{position:relative;min-width:0;padding:.35em .8em;border:1px solid #767676;border-radius:6px;cursor:pointer}
.gc-flipbook .gc-words input{position:absolute;inset:0;width:100%;height:100%;opacity:0}
.gc-flipbook .gc-words label:has(:checked){border-color:#0072B2;background:#0072B2;color:#fff}
.gc-flipbook .gc-words label:has(:focus-visible){outline:2px solid currentColor;outline-offset:2px}
@media(forced-colors:active){.gc-flipbook .gc-words label:has(:checked){background:Highlight;color:HighlightText;forced-color-adjust:none}}
@media(max-width:30em){
.gc-flipbook .gc-row,.gc-flipbook .gc-row:not(:has(button)){padding:0 4px 0 0}
.gc-flipbook .gc-row{display:grid;grid-template-columns:44px auto 1fr;gap:0 .8em}
.gc-flipbook button{grid-row:1/3}
.gc-flipbook .gc-row label,.gc-flipbook .gc-words{grid-column:2;min-width:0}
.gc-flipbook output{grid-column:3;width:auto}
.gc-flipbook .gc-row:not(:has(>label)) output{grid-column:2/4}
.gc-flipbook input,.gc-flipbook .gc-words{grid-column:2/4;grid-row:2}
.gc-flipbook .gc-words label{min-height:44px;display:flex;align-items:center}
}
@media (min-width: 760px) and (min-resolution: 2dppx) {
  .gc-flipbook img { image-rendering: var(--gc-pixels, auto); }
}
"""

#: What moves it, once for each figure; "DATA" is where its frames, texts and sounds stand.
SCRIPT = """
(() => {
const DATA = "DATA";
const PLAY = "M4 2.5v11l9-5.5z", PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";
for (const root of document.querySelectorAll(`[id="${DATA.id}"]`)) {
  if (root.dataset.ready) continue;
  root.dataset.ready = "1";
  const img = root.querySelector("img"), button = root.querySelector("button");
  const ranges = [...root.querySelectorAll("input")], outputs = [...root.querySelectorAll("output")];
  const sources = DATA.frames.map((frame) => frame || img.src);
  const audio = root.querySelector("audio"), sounds = (DATA.sounds || []).map((s) => s || audio.src);
  // Words stand in no order: instead of a slider that hides them, a button for each, all in sight.
  const words = ranges.map((range, k) => {
    const label = range.parentElement.querySelector("label"), texts = DATA.values[k];
    const number = (text) => /^[-+]?[0-9.,]+(e[-+]?[0-9]+)?$/.test(text);
    if (!label || texts.length > 8 || texts.every(number)) return null;
    const group = document.createElement("div");
    group.className = "gc-words";
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", label.textContent);
    group.append(...texts.map((text, v) => {
      const one = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, {type: "radio", name: `${range.id}-${Math.random()}`, value: v});
      input.autocomplete = "off";
      input.dataset.lmSuppressShortcuts = "true";
      input.addEventListener("change", () => { range.value = v; moved(); });
      one.append(input, text);
      return one;
    }));
    const radios = [...group.querySelectorAll("input")];
    for (const input of radios) input.name = radios[0].name;
    range.hidden = outputs[k].hidden = true;
    range.after(group);
    return radios;
  });
  // What is played has an order.
  const first = ranges.find((range, k) => !words[k]) || ranges[0];
  first.parentElement.prepend(button);
  button.hidden = words.every(Boolean);
  let timer = 0;
  const show = () => {
    const at = ranges.map((range) => Number(range.value));
    const i = at.reduce((sum, v, k) => sum * DATA.values[k].length + v, 0);
    img.src = sources[i];
    img.alt = DATA.alts[i];
    at.forEach((v, k) => {
      const after = outputs[k].dataset.after = DATA.after?.[k][v] ?? "";
      outputs[k].textContent = DATA.values[k][v];
      ranges[k].setAttribute("aria-valuetext", DATA.values[k][v] + after);
      if (words[k]) words[k][v].checked = true;
    });
    if (audio && audio.dataset.at !== String(i)) {
      audio.dataset.at = i;
      audio.src = sounds[i];
      audio.setAttribute("aria-label", `${DATA.title}: ${outputs[0].textContent}`);
    }
  };
  const hear = () => audio?.play().catch(() => {});
  const play = (on) => {
    clearInterval(timer);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = on ? setInterval(step, Math.max(DATA.ms, calm ? 1000 : 0)) : 0;
    if (on) hear(); else audio?.pause();
    button.setAttribute("aria-label", on ? "Pause" : "Play");
    button.querySelector("path").setAttribute("d", on ? PAUSE : PLAY);
  };
  const step = () => {
    if (!img.isConnected || Number(first.value) >= Number(first.max)) return play(false);
    first.value = Number(first.value) + 1;
    show();
    hear();
  };
  button.addEventListener("click", () => {
    if (timer) return play(false);
    if (first.value === first.max) first.value = 0;
    show();
    play(true);
  });
  const moved = () => {
    const listening = audio && !audio.paused;
    play(false);
    show();
    if (listening) hear();
  };
  for (const range of ranges) range.addEventListener("input", moved);
  show();
}
})();
"""
