// Exercises without a kernel, and questions of the text: scripts/practice.py puts a fold at each and all
// that is asked into one JSON element; here a fold is filled when it is first opened, and answers are told.
"use strict";
(() => {
  const holder = document.getElementById("gc-practice-data");
  if (!holder) return;
  const exercises = JSON.parse(holder.textContent);
  let count = 0;

  const make = (tag, attributes = {}, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside);
    return element;
  };
  // What the build wrote from the registry and the notebooks, escaped there.
  const written = (tag, html, attributes) => {
    const element = make(tag, attributes);
    element.innerHTML = html;
    return element;
  };
  const shuffled = list => {
    const mixed = [...list];
    for (let k = mixed.length - 1; k > 0; k--) {
      const other = Math.floor(Math.random() * (k + 1));
      [mixed[k], mixed[other]] = [mixed[other], mixed[k]];
    }
    return mixed;
  };
  const unique = name => `gc-practice-${name}-${++count}`;

  // A form with a button and the place where it answers. `grade` returns {right, told, id} or, where
  // nothing is chosen yet, words.
  function form(legend, rows, grade, solved) {
    const fields = make("fieldset", {}, make("legend", {}, legend), ...rows);
    const button = make("button", { type: "submit" }, "Check");
    const answer = make("div", { class: "gc-practice-told", role: "status", "aria-live": "polite" });
    const asked = make("form", { class: "gc-practice-form" }, fields, button, answer);
    asked.addEventListener("submit", event => {
      event.preventDefault();
      const found = grade();
      answer.className = "gc-practice-told";
      if (typeof found === "string") return answer.replaceChildren(make("p", {}, found));
      answer.classList.add(found.right ? "gc-practice-right" : "gc-practice-wrong");
      const verdict = found.right ? "✓ Right" : "✗ Not yet", title = make("p", {});
      title.append(make("strong", {}, found.name ? `${verdict}: ${found.name}` : verdict));
      answer.replaceChildren(title, found.words ? make("p", {}, found.words) : written("div", found.told));
      solved(found);
    });
    return asked;
  }

  // One of several answers, each with a letter and its code, or with a label of its own; the first of
  // `options` is right if `right` doesn't name another.
  function choose(legend, options, { right = options[0], keep = false }, solved) {
    const name = unique("choice"), order = keep ? options : shuffled(options);
    const boxes = order.map((option, k) => {
      const id = unique("answer"), box = make("input", { type: "radio", id, name });
      const label = make("label", { for: id });
      const row = make("div", { class: "gc-practice-choice" }, box, label);
      option.name = option.code ? `Answer ${"ABCDEFGH"[k]}` : "";
      if (option.code) {
        const code = written("pre", option.code, { id: unique("code"), class: "gc-code" });
        label.append(option.name);
        box.setAttribute("aria-describedby", code.id);
        row.append(make("div", { class: "highlight" }, code));
        row.addEventListener("click", event => {
          if (event.target.closest("pre") && !String(getSelection())) box.click();
        });
      } else label.innerHTML = option.label;
      row.gcMark = text => {
        if (!row.querySelector(".gc-practice-mark"))
          label.append(make("span", { class: "gc-practice-mark" }, ` ${text}`));
      };
      return [option, box, row];
    });
    const grade = () => {
      const found = boxes.find(([, box]) => box.checked);
      if (!found) return "Choose an answer first.";
      const [option, , row] = found, good = option === right;
      row.gcMark(good ? "✓ right" : "✗ not this one");
      return { ...option, right: good, name: option.name };
    };
    return form(legend, boxes.map(([, , row]) => row), grade, solved);
  }

  function code(data, solved) {
    const ask = "Which is right, and what is wrong with the others?";
    return [choose(ask, data.choices, {}, solved)];
  }

  function value(data, solved) {
    const { kind, options, fields, graded } = data, own = unique("value");
    let read;
    const box = (type, text, name) => {
      const id = unique("option"), input = make("input", { type, id, name, value: text });
      return make("div", { class: "gc-practice-choice" }, input, make("label", { for: id }, text));
    };
    let rows;
    if (kind === "table") {
      rows = fields.map(field => {
        const id = unique("field"), list = make("select", { id });
        list.append(make("option", { value: "" }, "choose"), ...options.map(o => make("option", { value: o }, o)));
        return make("div", { class: "gc-practice-field" }, make("label", { for: id }, field), list);
      });
      read = () => {
        const picked = rows.map(row => row.querySelector("select").value);
        const open = fields.filter((_, k) => !picked[k]);
        return open.length ? [`Still open: ${open.join(", ")}.`] : picked.join(",");
      };
    } else {
      rows = options.map(option => box(kind === "one" ? "radio" : "checkbox", option, own));
      read = () => {
        const picked = options.filter((_, k) => rows[k].querySelector("input").checked);
        return kind === "one" && !picked.length ? ["Choose an answer first."] : picked.join(",");
      };
    }
    const grade = () => {
      const key = read();
      if (Array.isArray(key)) return key[0];
      const at = graded[key];
      return { right: at === data.right, told: data.told[at], id: data.ids[at], name: "" };
    };
    const ask = { one: "Your answer", many: "Which of them? (None, one or several.)", table: "Your answers" };
    return [form(ask[kind], rows, grade, solved)];
  }

  function clinic(data, solved) {
    const steps = [
      next => choose("What is the diagnosis?", data.diagnosis, {}, next),
      next => {
        const told = "<p>That line is well, or only follows from the one that is not.</p>";
        const lines = data.lines.map(text => ({ label: `<code class="highlight gc-practice-line">${text}</code>`, told }));
        const missing = { label: "No line is wrong; something is missing.", told };
        const right = data.ill < 0 ? missing : lines[data.ill];
        right.told = data.symptom;
        const shown = lines.filter((_, k) => data.lines[k].trim());
        return choose("Which line is ill?", [...shown, missing], { keep: true, right }, next);
      },
      next => choose("Which repair cures it, and what is wrong with the others?", data.choices, {}, next),
    ];
    const round = make("div", { class: "gc-practice-steps" });
    const show = k => {
      let done = false;
      round.append(steps[k](found => {
        if (k === 2 || !found.right) solved({ ...found, right: found.right && k === 2 });
        if (!found.right || done) return;
        done = true;
        if (k < 2) show(k + 1);
        else round.append(written("p", data.round, { class: "gc-practice-round" }));
      }));
    };
    show(0);
    return [round];
  }

  // A question of the text: a number within a tolerance, a choice or a curve; then the truth beside the guess.
  function guess(data, solved) {
    if (data.curve) return [window.gcCurve(data, solved, form)];
    const { label, options, right, within } = data, own = unique("guess");
    const said = (good, mine) => ({ right: good, words: good ? `You: ${mine}.` : `You: ${mine}. It is: ${right}.` });
    if (!options) {
      const id = unique("number"), box = make("input", { type: "text", inputmode: "decimal", id, autocomplete: "off" });
      const row = make("div", { class: "gc-practice-field" }, make("label", { for: id }, label), box);
      const read = () => {
        const [over, under = "1"] = box.value.replace(",", ".").split("/");
        const mine = over.trim() ? over / under : NaN;
        return Number.isFinite(mine) ? said(Math.abs(mine - right) <= within, box.value.trim()) : "Give a number, such as 0.5.";
      };
      return [form("Your answer", [row], read, solved)];
    }
    const rows = options.map(option => {
      const id = unique("option"), box = make("input", { type: "radio", id, name: own, value: option });
      return make("div", { class: "gc-practice-choice" }, box, make("label", { for: id }, option));
    });
    const read = () => {
      const box = rows.map(row => row.firstChild).find(box => box.checked);
      return box ? said(box.value === right, box.value) : "Choose an answer first.";
    };
    return [form(label, rows, read, solved)];
  }

  const kinds = { code, case: clinic, guess };
  for (const fold of document.querySelectorAll("details.gc-practice")) {
    const id = fold.dataset.practice || fold.dataset.guess, data = exercises[id];
    const solved = found => {
      if (fold.dataset.guess) {  // the answer's own fold, where one follows, says why
        const why = fold.nextElementSibling;
        if (why?.matches("details:not(.gc-practice)")) why.open = true;
        return;
      }
      if (found.right) {
        if ("done" in fold.dataset) return;
        fold.dataset.done = "";
        fold.querySelector("summary").append(" · ✓ solved");
        window.gcProgress?.solved(id, fold.closest("section[id]")?.id);
      } else window.gcProgress?.tried(id, found.id || undefined);
    };
    fold.addEventListener("toggle", () => {
      if (fold.open && fold.childElementCount === 1) fold.append(...(kinds[data.kind] || value)(data, solved));
    });
  }
})();
