// The search, and the side list. The index is a script because a page that was opened from a file may not fetch one.
"use strict";
(() => {
  const top = document.documentElement.dataset.top + "/";
  const form = document.querySelector(".search");
  const input = form.querySelector("input");
  const found = form.querySelector(".found");
  const says = found.querySelector("p");
  const list = found.querySelector("ol");
  const MOST = 20;
  let loading = null;

  const side = document.querySelector(".side > details");
  side.open = window.matchMedia("(min-width: 60.01rem)").matches;
  const current = side.querySelector("[aria-current]");
  if (current && side.open) side.scrollTop = current.offsetTop - side.clientHeight / 2;

  // What scrolls sideways can be reached and scrolled by keyboard, and says what it is.
  const names = [["pre", "Program text or output"], [".scroll, .output_html", "Table"]];
  const reach = () => names.forEach(([what, name]) => document.querySelectorAll("main " + what).forEach((box) => {
    const wide = box.scrollWidth > box.clientWidth;
    if (wide) { box.tabIndex = 0; box.setAttribute("role", "group"); box.setAttribute("aria-label", name); }
    else { ["tabindex", "role", "aria-label"].forEach((key) => box.removeAttribute(key)); }
  }));
  reach();
  window.addEventListener("resize", reach);
  document.querySelectorAll("main details").forEach((fold) => fold.addEventListener("toggle", reach));

  form.hidden = false;

  function load() {
    loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = top + "search_index.js";
      script.onload = () => done(window.searchIndex.map(([url, page, heading, text]) => (
        { url, page, heading, text, low: text.toLowerCase(), lowHeading: (heading + " " + page).toLowerCase() })));
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }

  // Every word has to occur; a heading with the word counts more than the text, and early more than late.
  function score(row, words) {
    let points = 0;
    for (const word of words) {
      const at = row.low.indexOf(word);
      const inHeading = row.lowHeading.includes(word);
      if (at < 0 && !inHeading) return 0;
      points += (inHeading ? 20 : 0) + (at < 0 ? 0 : Math.min(row.low.split(word).length - 1, 8));
    }
    return points;
  }

  function withMarks(parent, text, words) {
    const parts = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    for (const piece of text.split(new RegExp("(" + parts.join("|") + ")", "i"))) {
      const marked = words.includes(piece.toLowerCase());
      parent.append(marked ? Object.assign(document.createElement("mark"), { textContent: piece }) : piece);
    }
  }

  function hit(row, words) {
    const link = Object.assign(document.createElement("a"), { href: top + row.url });
    const head = document.createElement("strong");
    head.textContent = row.page === row.heading ? row.page : row.page + ": " + row.heading;
    const places = words.map((word) => row.low.indexOf(word)).filter((at) => at >= 0);
    const from = Math.max(0, Math.min(...places, row.text.length) - 60);
    const text = document.createElement("span");
    withMarks(text, (from ? "… " : "") + row.text.slice(from, from + 180), words);
    link.append(head, text);
    const item = document.createElement("li");
    item.append(link);
    return item;
  }

  async function search() {
    const asked = input.value;
    const words = [...new Set(asked.toLowerCase().split(/\s+/).filter(Boolean))];
    if (!words.length) return close();
    found.hidden = false;
    let rows;
    try { rows = await load(); } catch { says.textContent = "The index search_index.js is missing: make the handbook anew."; return; }
    if (asked !== input.value) return;
    const hits = rows.map((row) => [score(row, words), row]).filter(([points]) => points);
    hits.sort((one, other) => other[0] - one[0]);
    says.textContent = !hits.length ? "Nothing found: try fewer words, or the beginning of one."
      : hits.length > MOST ? `${hits.length} places; the first ${MOST}:` : `${hits.length} ${hits.length === 1 ? "place" : "places"}:`;
    list.replaceChildren(...hits.slice(0, MOST).map(([, row]) => hit(row, words)));
  }

  function close() {
    found.hidden = true;
    list.replaceChildren();
  }

  input.addEventListener("input", search);
  input.addEventListener("focus", () => { load().catch(() => {}); if (input.value) search(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); list.querySelector("a")?.click(); });
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); input.focus(); close(); }
    else if (event.key === "ArrowDown" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] ?? input).focus();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", close);
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea")) return;
    event.preventDefault();
    input.focus();
  });
})();
