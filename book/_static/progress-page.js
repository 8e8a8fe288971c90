// The page of all exercises: how many are solved, hardest first, export, import, erase. See progress.js.
"use strict";
(() => {
  const FILE = "gancourse-progress.json", progress = window.gcProgress, { make } = progress;
  const panel = document.getElementById("gc-progress");
  const line = make("p", ""), resume = make("p", ""), said = make("p", "", { role: "status" });
  const noting = make("input", "", { type: "checkbox" });
  const say = text => { said.textContent = text; };
  const rows = () => [...document.querySelectorAll("table:not(#gc-hardest) tr:has([data-gc-tick])")].map(row => {
    const [, difficulty, minutes] = [...row.cells].map(cell => cell.textContent);
    return { row, id: row.querySelector("[data-gc-tick]").dataset.gcTick, rank: difficulty.split("●").length, minutes: +minutes };
  });

  function draw() {
    const all = rows(), open = all.filter(one => !progress.isSolved(one.id));
    const left = open.reduce((sum, one) => sum + one.minutes, 0);
    const time = left >= 90 ? `${Math.round(left / 60)} hours` : `${left} minutes`;
    line.textContent = `${all.length - open.length} of ${all.length} exercises solved${left ? `; about ${time} to go.` : ": all of them."}`;
    if (!progress.stored()) line.textContent += " This browser gives the page no storage (a private window, perhaps): ticks are forgotten when you leave the page. Export keeps them.";
    noting.checked = progress.noting();
    const place = progress.was(), link = place && document.querySelector(`a[data-gc-page="${place.page}"]`);
    const title = link && [...link.childNodes].find(node => node.nodeType === 3)?.textContent.trim();
    resume.replaceChildren(...(title ? ["Continue where you were: ", make("a", title, { href: place.href })] : ["Tick what you have solved. Nothing leaves this machine."]));
  }
  function hardest(on) {
    document.getElementById("gc-hardest")?.remove();
    const chapters = document.querySelectorAll("section:has(tr [data-gc-tick]):not(:has(section))");
    if (on) {
      const list = make("table", "", { id: "gc-hardest", class: "table" }), body = make("tbody", "");
      list.append(make("caption", "All exercises, hardest first"), chapters[0].querySelector("thead").cloneNode(true), body);
      for (const { row } of rows().sort((a, b) => b.rank - a.rank || b.minutes - a.minutes)) body.append(row.cloneNode(true));
      for (const place of body.querySelectorAll("[data-gc-tick]")) place.replaceChildren();
      panel.after(list);
    }
    for (const chapter of chapters) chapter.hidden = on;
    progress.draw();
  }
  function save() {
    const link = make("a", "", { href: URL.createObjectURL(new Blob([progress.text()], { type: "application/json" })), download: FILE });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Exported ${FILE}. In a notebook: progress(merge="${FILE}").`);
  }
  async function take(file) {
    try {
      if (file.size > progress.MOST_BYTES) throw Error("it is larger than any progress file");
      const other = progress.take(await file.text());
      const left = other.tried && !progress.noting() ? " Its notes of mistakes were left out: the box below is not ticked." : "";
      say(`Imported: ${Object.keys(other.solved).length} solved.${left}`);
    } catch (error) { say(`Nothing was imported: ${error.message}.`); }
  }

  const button = (text, act) => {
    const one = make("button", text, { type: "button" });
    one.addEventListener("click", act);
    return one;
  };
  const order = button("Hardest first", () => {
    const on = order.getAttribute("aria-pressed") !== "true";
    order.setAttribute("aria-pressed", on);
    hardest(on);
  });
  order.setAttribute("aria-pressed", "false");
  const file = make("input", "", { type: "file", accept: ".json,application/json", hidden: "", "aria-label": "A progress file" });
  file.addEventListener("change", async () => {
    if (file.files[0]) await take(file.files[0]);
    file.value = "";  // so that the same file can be chosen again
  });
  const erase = button("Erase", () => {
    if (!confirm("Erase what this browser knows of you: what is solved, where you were, what was noted? Only an exported file brings it back.")) return;
    progress.erase();
    say("Erased.");
  });
  noting.addEventListener("change", () => {
    progress.note(noting.checked);
    say(noting.checked ? "Noted from now on: that an answer did not pass, and which known mistake it was. Never what you wrote." : "No longer noted, and what was noted is erased.");
  });
  const bar = make("p", "", { class: "gc-bar" }), label = make("label", "");
  bar.append(order, button("Export", save), button("Import", () => file.click()), erase, file);
  label.append(noting, make("span", "Also note which mistakes I make (a teacher sees it only if I send the exported file)"));
  panel.append(line, resume, bar, label, said);
  draw();
  document.addEventListener("gc-progress", draw);
  addEventListener("hashchange", () => {  // a link to a chapter that is hidden
    if (order.getAttribute("aria-pressed") === "false") return;
    order.click();
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  });
})();
