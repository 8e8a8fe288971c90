// The search page. Pagefind's index is asked over http; from a file, where a page may not fetch, Sphinx's.
"use strict";
(() => {
  const script = document.currentScript, root = new URL("..", script.src);
  const place = document.getElementById("search-results");
  const fields = [...document.querySelectorAll("form.bd-search input[name=q]")];
  const AT_ONCE = 10, SECTIONS = 3;  // pages fetched for a search, or for more of it (12 kB each)

  const make = (tag, text, attributes = {}) => {
    const element = Object.assign(document.createElement(tag), { textContent: text });
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  // Of Pagefind's excerpt only its text and its marks: nothing of a page becomes an element here.
  const excerpt = html => {
    const line = make("p", "", { class: "context" });
    for (const node of new DOMParser().parseFromString(html, "text/html").body.childNodes)
      line.append(node.nodeName === "MARK" ? make("mark", node.textContent) : node.textContent);
    return line;
  };
  // Sphinx's script on the page marks the words that its address names.
  const marking = (address, words) => {
    const url = new URL(address, location.href);
    url.searchParams.set("highlight", words);
    return url.href;
  };

  // Pagefind gives a page's sections in their order, and pages by all of their text. Here the section
  // that has the rarest words, headings first, leads its page, and the page with the best section all.
  const worth = section => section.weighted_locations.reduce((sum, place) => sum + place.balanced_score, 0);
  const best = page => Math.max(0, ...page.sub_results.map(worth));

  function row(page, words) {
    const item = make("li", ""), { title } = page.meta;
    item.append(make("a", title, { href: marking(page.url, words) }));
    const sections = page.sub_results.filter(section => section.title !== title)
      .sort((a, b) => worth(b) - worth(a)).slice(0, SECTIONS);
    if (!sections.length) item.append(excerpt(page.excerpt));
    else {
      const list = make("ul", "", { class: "gc-sections" });
      for (const section of sections) {
        const one = make("li", "");
        one.append(make("a", section.title, { href: marking(section.url, words) }), excerpt(section.excerpt));
        list.append(one);
      }
      item.append(list);
    }
    return item;
  }

  let asked = 0;
  async function show(pagefind, words) {
    const mine = ++asked;
    if (!words.trim()) return place.replaceChildren();
    const { results } = await pagefind.search(words);
    const next = async () => {
      const pages = await Promise.all(results.splice(0, AT_ONCE).map(result => result.data()));
      return pages.sort((a, b) => best(b) - best(a)).map(page => row(page, words));
    };
    const found = results.length, rows = await next();
    if (mine !== asked) return;  // somebody has typed on
    const said = found
      ? `${found} ${found === 1 ? "page has" : "pages have"} “${words}”.`
      : `No page has “${words}”. Try fewer words, or the glossary.`;
    const list = make("ul", "", { class: "search" });
    list.append(...rows);
    place.replaceChildren(make("h2", "Search results"), make("p", said, { class: "search-summary", role: "status" }), list);
    if (!results.length) return;
    const more = make("button", "More pages", { class: "btn btn-primary", type: "button" });
    more.addEventListener("click", async () => {
      more.disabled = true;
      const added = await next();
      list.append(...added);
      added[0].querySelector("a").focus();
      more.disabled = false;
      if (!results.length) more.remove();
    });
    place.append(more);
  }

  function sphinx() {
    for (const address of script.dataset.sphinx.split(" "))
      document.head.append(Object.assign(document.createElement("script"), { src: new URL(address, root), async: false }));
  }

  async function begin() {
    const words = new URLSearchParams(location.search).get("q") || "";
    if (location.protocol === "file:") return sphinx();
    let pagefind;
    try {
      pagefind = await import(new URL("pagefind/pagefind.js", root).href);
      await pagefind.options({ baseUrl: root.pathname, excerptLength: 22 });
      await pagefind.init();
    } catch {
      return sphinx();  // a server that forbids it, or an old browser
    }
    let waiting = 0;
    for (const field of fields) {
      field.value = words;
      field.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => show(pagefind, field.value), 150);
      });
    }
    await show(pagefind, words);
  }
  begin();
})();
