// Arranges the pages of the one document that scripts/pdf.py prints; FRAMES is put in there.
(frames => {
  const pages = [...document.querySelectorAll(".gc-page")];
  const names = new Set(pages.map(page => page.dataset.page));
  const answers = document.getElementById("gc-answers");
  let number = 0;
  for (const page of pages) {
    const name = page.dataset.page;
    for (const element of page.querySelectorAll("[id]")) element.id = `${name}--${element.id}`;
    // code of figures; forms
    for (const fold of page.querySelectorAll("details.hide, details.gc-practice")) fold.remove();
    // what runs in a fold is on its page only
    for (const fold of page.querySelectorAll("details.gc-embed")) {
      const link = fold.querySelector("a"), line = fold.querySelector("p");
      link.href = link.getAttribute("href").replace(/#.*/, "");
      link.textContent = fold.querySelector("summary").textContent;
      fold.replaceWith(line);
    }
    for (const link of page.querySelectorAll("a[href]")) {
      const address = link.getAttribute("href");
      const inside = address.match(/^(?:\.\.\/book\/)?([\w-]*?)(?:\.html)?(?:#(.*))?$/);
      const other = inside && (inside[1] || name);
      if (inside && names.has(other)) link.href = inside[2] ? `#${other}--${inside[2]}` : `#page-${other}`;
      else if (!/^[a-z]+:/.test(address)) link.replaceWith(...link.childNodes);  // a file beside the book
    }
    for (const holder of page.querySelectorAll("script.gc-frames")) {
      const data = JSON.parse(holder.textContent), all = data.frames;
      const figure = document.getElementById(`${name}--${data.id}`), first = figure.querySelector("img");
      const steps = data.values[0].length, stride = all.length / steps;  // the first slider is the slowest
      const along = Math.min(frames, steps);
      const strip = document.createElement("div");
      strip.className = "gc-strip";
      first.replaceWith(strip);
      strip.append(first);
      for (let k = 1; k < along; k++) {
        const at = Math.round(k * (steps - 1) / (along - 1)) * stride;
        if (!all[at]) continue;
        const image = first.cloneNode();
        image.src = all[at];
        image.alt = (data.alts || [])[at] || first.alt;
        strip.append(image);
      }
    }
    for (const fold of page.querySelectorAll("details")) {
      if (fold.parentElement.closest("details")) continue;
      const id = `gc-answer-${++number}`, title = fold.querySelector("summary").textContent.trim();
      let before = fold;
      while (before && !/^H[1-6]$/.test(before.tagName))
        before = before.previousElementSibling || before.parentElement;
      const heading = before ? before.textContent.replace(/#$/, "").trim() : "";
      const entry = document.createElement("section");
      entry.id = id;
      const over = document.createElement("h3");
      over.textContent = heading ? `${heading}: ${title}` : title;
      const back = document.createElement("a");
      back.href = `#${id}-asked`;
      back.textContent = "back to the text";
      fold.querySelector("summary").remove();
      const there = document.createElement("p");
      there.id = `${id}-asked`;
      const link = document.createElement("a");
      link.href = `#${id}`;
      link.textContent = `${title} (at the end)`;
      there.append(link);
      fold.replaceWith(there);
      const line = document.createElement("p");
      line.append(back);
      entry.append(over, ...fold.childNodes, line);
      answers.append(entry);
    }
  }
  for (const element of document.querySelectorAll("[loading]")) element.loading = "eager";
  for (const element of document.querySelectorAll("details")) element.open = true;
})(FRAMES);
