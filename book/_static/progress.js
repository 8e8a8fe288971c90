// What a reader has solved, kept in this browser and nowhere else: ticks at exercises, counts in the list
// of pages, "continue where you were", export and import of the file that notebooks write, too. Its form
// and rules are those of gancourse/exercises/_progress_file.py; a test reads what each writes by the other.
//
// For other scripts of the page: gcProgress.solved("3.2", "anchor on this page"), .tried("3.2", "5f2c09d1")
// (the second is Mistake.id, or nothing; noted only where the reader wants that), .isSolved("3.2"). After each
// change the document gets the event "gc-progress". What is stored or imported never becomes HTML: it is text,
// or it is refused. The page of all exercises has more: progress-page.js.
"use strict";
(() => {
  const KEY = "gancourse-progress", WHERE = "gancourse-where";
  const MOST_BYTES = 256 * 1024, MOST_ENTRIES = 500, MOST_TIMES = 100000;
  const EXERCISE = /^[0-9]{1,2}\.[0-9]{1,2}$/, WHEN = /^[0-9]{4}[0-9T:.+Z -]{0,28}$/, MISTAKE = /^[0-9a-f]{8}$/;
  const PAGE = /^[0-9]{2}-[a-z0-9-]{1,80}$/, ANCHOR = /^[\w-]{0,150}$/;
  const book = new URL("../book/", document.currentScript.src).href;

  // --- the file ---
  const shown = value => {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length > 40 ? text.slice(0, 37) + "..." : text;
  };
  function table(value, form, where, needed) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw Error(`${where} is ${shown(value)}, needed a table with ${needed}`);
    const entries = Object.entries(value);
    if (entries.length > MOST_ENTRIES) throw Error(`${where} has ${entries.length} entries, more than ${MOST_ENTRIES}`);
    for (const [name] of entries)
      if (!form.test(name)) throw Error(`${where} names ${shown(name)}, needed ${needed}`);
    return entries;
  }
  function number(value, where) {
    if (Number.isInteger(value) && value >= 1 && value <= MOST_TIMES) return value;
    throw Error(`${where}: ${shown(value)}, needed a number from 1 to ${MOST_TIMES}`);
  }
  function parse(text) {
    let content;
    if (text.length > MOST_BYTES) throw Error("it is larger than any progress file");
    try { content = JSON.parse(text); } catch { throw Error("it is not whole JSON"); }
    if (content?.course !== "gancourse" || typeof content.solved !== "object" || !content.solved || Array.isArray(content.solved))
      throw Error("it is JSON, but not a progress file of this course");
    const kept = { solved: {} };
    for (const [name, when] of table(content.solved, EXERCISE, "solved", "exercise numbers such as 3.2")) {
      if (typeof when !== "string" || !WHEN.test(when)) throw Error(`solved: ${name} has ${shown(when)}, needed a date and time`);
      kept.solved[name] = when;
    }
    if (!("tried" in content)) return kept;
    kept.tried = {};
    for (const [name, one] of table(content.tried, EXERCISE, "tried", "exercise numbers such as 3.2")) {
      const where = `tried: ${name}`, mistakes = {};
      table(one, /^(times|mistakes)$/, where, "times and mistakes");
      for (const [key, times] of table("mistakes" in one ? one.mistakes : {}, MISTAKE, where, "eight hexadecimal digits"))
        mistakes[key] = number(times, where);
      kept.tried[name] = { times: number(one.times, where), mistakes };
    }
    return kept;
  }

  // --- the store ---
  let kept = { solved: {} }, stored = false, last = null;
  const get = key => { try { return localStorage.getItem(key); } catch { return null; } };
  function put(key, text) {
    try {
      localStorage.setItem(key, text);
      return localStorage.getItem(key) === text;  // what takes all and keeps nothing is no store
    } catch { return false; }
  }
  const text = () => JSON.stringify({ course: "gancourse", ...kept }, null, 1);
  function load() {
    const text = get(KEY);
    if (text === null) { if (stored) kept = { solved: {} }; return; }  // erased in another tab
    if (text === last) return;
    try { kept = parse(text); last = text; } catch { put(KEY + ".unreadable", text); kept = { solved: {} }; }
  }
  function change(how) {
    load();
    how();
    if (stored = put(KEY, text())) last = text();
    tell();
  }
  const now = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  function tick(id, on, anchor) {
    if (!EXERCISE.test(id)) throw Error(`gcProgress: ${shown(id)} is no exercise's number`);
    change(() => { if (on) kept.solved[id] ??= now(); else delete kept.solved[id]; });
    remember(anchor);
  }
  function tried(id, mistake) {
    if (!EXERCISE.test(id)) throw Error(`gcProgress: ${shown(id)} is no exercise's number`);
    load();
    if (!kept.tried) return;
    change(() => {
      const one = kept.tried[id] ??= { times: 0, mistakes: {} };
      one.times = Math.min(one.times + 1, MOST_TIMES);
      if (MISTAKE.test(mistake ?? "")) one.mistakes[mistake] = Math.min((one.mistakes[mistake] ?? 0) + 1, MOST_TIMES);
    });
  }
  function take(text) {  // an exported file; what it holds, or an error
    const other = parse(text);
    change(() => {
      for (const [id, when] of Object.entries(other.solved))
        if (!(kept.solved[id] < when)) kept.solved[id] = when;  // the first time counts
      for (const [id, one] of Object.entries((kept.tried && other.tried) || {})) {
        const mine = kept.tried[id] ??= { times: 0, mistakes: {} };
        mine.times = Math.max(mine.times, one.times);
        for (const [key, times] of Object.entries(one.mistakes)) mine.mistakes[key] = Math.max(mine.mistakes[key] ?? 0, times);
      }
    });
    return other;
  }
  function erase() {
    for (const key of [KEY, WHERE, KEY + ".unreadable"]) try { localStorage.removeItem(key); } catch { /* nothing there */ }
    kept = { solved: {} };
    last = null;
    tell();
  }

  // --- where the reader was ---
  const here = location.pathname.match(/([^/]*?)(\.html)?$/)[1];
  function remember(anchor) {
    if (!PAGE.test(here)) return;
    const passed = [...document.querySelectorAll(".bd-article section[id]")]
      .filter(section => section.getBoundingClientRect().top < innerHeight / 3);
    const at = anchor ?? passed.at(-1)?.id ?? "";
    put(WHERE, JSON.stringify({ page: here, at: ANCHOR.test(at) ? at : "" }));
  }
  function was() {
    try {
      const { page, at } = JSON.parse(get(WHERE));
      if (PAGE.test(page) && ANCHOR.test(at)) return { page, href: `${book}${page}.html${at && "#" + at}` };
    } catch { /* nowhere yet, or no such thing */ }
    return null;
  }

  // --- the page ---
  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  function box(place) {
    const id = place.dataset.gcTick, label = make("label", ""), input = make("input", "", { type: "checkbox" });
    const words = place.matches("td *") ? make("span", `${id} solved`, { class: "visually-hidden" }) : make("span", "Solved");
    if (!place.matches("td *")) words.append(make("span", `: exercise ${id}`, { class: "visually-hidden" }));
    label.append(input, words);
    // A stop of the Tab key less: by keyboard the box stands in "No kernel? Answer here" too (see below).
    if (place.matches(".gc-solved") && document.querySelector(`[data-practice="${CSS.escape(id)}"]`)) input.tabIndex = -1;
    input.addEventListener("change", () => tick(id, input.checked, place.closest("section[id]")?.id));
    place.replaceChildren(label);
  }
  function draw() {
    for (const place of document.querySelectorAll("[data-gc-tick]")) {
      if (!place.firstElementChild) box(place);
      place.querySelector("input").checked = place.dataset.gcTick in kept.solved;
    }
    for (const link of document.querySelectorAll("a[data-gc-ids]")) {
      const all = link.dataset.gcIds.split(" "), done = all.filter(id => id in kept.solved).length;
      link.querySelector(".gc-count")?.remove();
      if (!done) continue;
      const count = make("span", ` ${done} of ${all.length}`, { class: "gc-count" });
      count.append(make("span", " exercises solved", { class: "visually-hidden" }));
      link.append(count);
    }
  }
  function tell() {
    draw();
    document.dispatchEvent(new CustomEvent("gc-progress"));
  }
  function begin() {  // the front page
    const start = document.querySelector('a.gc-button[href$="01-minimax.html"]'), place = was();
    if (!start || !place) return;
    const deeper = place.page.includes("-deeper-") ? "a deeper page of " : "";
    start.href = place.href;
    start.replaceChildren(make("span", `Continue with ${deeper}chapter ${parseInt(place.page, 10)}`));
  }

  document.addEventListener("toggle", ({ target: fold }) => setTimeout(() => {  // after practice.js has filled it
    if (!fold.matches?.("details[data-practice]") || fold.querySelector("[data-gc-tick]")) return;
    fold.append(make("p", "", { "data-gc-tick": fold.dataset.practice }));
    draw();
  }), true);
  stored = put(KEY + ".probe", "1");
  try { localStorage.removeItem(KEY + ".probe"); } catch { /* no store */ }
  load();
  draw();
  begin();
  addEventListener("storage", event => { if (event.key === KEY || event.key === null) { load(); tell(); } });
  addEventListener("pageshow", event => { if (event.persisted) { load(); tell(); } });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") remember(); });
  window.gcProgress = Object.freeze({
    solved: (id, where) => tick(id, true, where), tried, isSolved: id => id in kept.solved,
    stored: () => stored, noting: () => Boolean(kept.tried), text, take, erase, draw, was, make, MOST_BYTES,
    note: on => change(() => { if (on) kept.tried ??= {}; else delete kept.tried; }),
  });
})();
