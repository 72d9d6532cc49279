// Makes the report interactive: filters, axes, hover, tables, the run browser. Without it the page is complete.
// Whatever comes from a store is only ever set as textContent.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const read = (id) => JSON.parse($("#" + id).textContent);
  const facts = read("facts"), runs = read("runs");

  function make(name, attributes = {}, ...content) {
    const node = name.includes(":") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    for (const part of content.flat()) if (part !== null && part !== undefined) node.append(part);
    return node;
  }
  const minus = (text) => text.replace("-", "\u2212");
  const grouped = (value) => value.toLocaleString("en-US");

  // ---- light and dark -------------------------------------------------------------------------------------
  const root = document.documentElement, theme = $("#theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  function kept(key, value) {  // a browser may refuse storage to files
    try { if (value === undefined) return localStorage.getItem(key); localStorage.setItem(key, value); } catch { return null; }
    return null;
  }
  function showTheme() {
    theme.setAttribute("aria-pressed", String(isDark()));
    theme.textContent = isDark() ? "Light" : "Dark";
  }
  if (["light", "dark"].includes(kept("sandbox-report-theme"))) root.dataset.theme = kept("sandbox-report-theme");
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    kept("sandbox-report-theme", root.dataset.theme);
    showTheme();
  });
  system.addEventListener("change", showTheme);
  showTheme();
  $$(".tools, .axis-switch, #run-browser").forEach((part) => { part.hidden = false; });

  // ---- the box that explains ------------------------------------------------------------------------------
  const tip = $("#tip");
  function explain(x, y, ...content) {
    tip.replaceChildren(...content);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth ? x - box.width - 14 : x + 14;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 4)) + "px";
  }
  const quiet = () => { tip.hidden = true; };
  document.addEventListener("pointerover", (event) => {
    const owner = event.target.closest ? event.target.closest("[data-tip]") : null;
    if (owner) explain(event.clientX, event.clientY, owner.dataset.tip);
    else if (!event.target.closest || !event.target.closest("[data-plot], .timeline")) quiet();
  });
  document.addEventListener("focusin", (event) => {
    const owner = event.target.closest("[data-tip]");
    if (!owner || !event.target.matches(":focus-visible")) { quiet(); return; }
    const box = owner.getBoundingClientRect();
    explain(box.left, box.bottom, owner.dataset.tip);
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") quiet(); });
  addEventListener("scroll", quiet, { passive: true });

  // ---- which agents, which tournament ---------------------------------------------------------------------
  const hidden = new Set();
  const listeners = [];
  function applyAgents() {
    for (const node of $$("[data-agent]"))
      node.classList.toggle("off", node.dataset.agent.split(" ").some((number) => hidden.has(number)));
    const count = $("#shown-count"), boxes = $$(".chip input");
    if (count) count.textContent = hidden.size ? ` ${boxes.length - hidden.size} of ${boxes.length}` : "";
    listeners.forEach((listen) => listen());
  }
  for (const box of $$(".chip input")) box.addEventListener("change", () => {
    if (box.checked) hidden.delete(box.value); else hidden.add(box.value);
    applyAgents();
  });
  const everybody = $("#everybody");
  if (everybody) everybody.addEventListener("click", () => {
    hidden.clear();
    $$(".chip input").forEach((box) => { box.checked = true; });
    applyAgents();
  });
  const find = $("#find-agent");
  if (find) find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    hidden.clear();
    facts.agents.forEach((name, i) => { if (!name.toLowerCase().includes(wanted)) hidden.add(String(i)); });
    applyAgents();
  });
  const agentsBox = $(".agents");
  if (agentsBox) {
    document.addEventListener("pointerdown", (event) => { if (!agentsBox.contains(event.target)) agentsBox.open = false; });
    agentsBox.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { agentsBox.open = false; $("summary", agentsBox).focus(); }
    });
  }
  const which = $("#which");
  if (which) which.addEventListener("change", () => {
    for (const section of $$(".tournament"))
      section.hidden = which.value !== "" && section.dataset.tournament !== which.value;
    listeners.forEach((listen) => listen());
  });

  // ---- against which resource -----------------------------------------------------------------------------
  for (const input of $$(".axis-switch input")) input.addEventListener("change", () => {
    const section = input.closest(".tournament");
    for (const drawing of $$(".drawing", section)) {  // a figure without this axis stays as it is
      const views = $$(".axis-view", drawing);
      if (views.some((view) => view.dataset.axis === input.value))
        for (const view of views) view.hidden = view.dataset.axis !== input.value;
    }
  });

  // ---- values along a curve -------------------------------------------------------------------------------
  const corners = new WeakMap();
  function cornersOf(path) {
    if (!corners.has(path)) {
      let x = 0, y = 0;
      const points = [];
      for (const [, letter, rest] of path.getAttribute("d").matchAll(/([MLHV])([^MLHVZ]*)/g)) {
        const numbers = rest.trim().split(/[ ,]+/).map(Number);
        if (letter === "H") x = numbers[0]; else if (letter === "V") y = numbers[0]; else [x, y] = numbers;
        points.push([x, y]);
      }
      corners.set(path, points);
    }
    return corners.get(path);
  }
  function heightAt(path, x) {
    const points = cornersOf(path);
    if (!points.length || x < points[0][0] - 0.01) return null;
    let found = points[points.length - 1][1];
    for (let i = 1; i < points.length; i++) {
      const [x1, y1] = points[i - 1], [x2, y2] = points[i];
      if (x2 > x) { found = x2 === x1 ? y2 : y1 + (y2 - y1) * (x - x1) / (x2 - x1); break; }
    }
    return found;
  }
  function written(value, unit) {
    if (unit === "%") return minus((100 * value).toFixed(1)) + " %";
    const size = Math.abs(value);
    const text = size >= 100 ? grouped(Math.round(value)) : size >= 1 ? value.toFixed(2) : String(Number(value.toPrecision(3)));
    return minus((unit === "$" ? "$" : "") + text);
  }
  for (const chart of $$("svg[data-plot]")) {
    const [left, right, top, bottom] = chart.dataset.plot.split(" ").map(Number);
    const [xLow, xHigh, log] = chart.dataset.x.split(" ").map(Number);
    const [yLow, yHigh] = chart.dataset.y.split(" ").map(Number);
    const [money, xShare, yShare] = chart.dataset.units.split("|");
    const cross = make("svg:line", { class: "cross", y1: top, y2: bottom, visibility: "hidden" });
    chart.append(cross);
    chart.setAttribute("tabindex", "0");
    let at = left;
    function look(x, clientX, clientY) {
      at = Math.min(Math.max(x, left), right);
      const part = (at - left) / (right - left);
      const value = log ? xLow * Math.pow(xHigh / xLow, part) : xLow + part * (xHigh - xLow);
      cross.setAttribute("x1", at); cross.setAttribute("x2", at); cross.setAttribute("visibility", "visible");
      const rows = $$("path.line:not(.off)", chart)
        .map((path) => [facts.agents[Number(path.dataset.agent)], heightAt(path, at)])
        .filter((row) => row[1] !== null)
        .map(([name, y]) => [name, yLow + (bottom - y) / (bottom - top) * (yHigh - yLow)])
        .sort((a, b) => b[1] - a[1])
        .map(([name, y]) => make("tr", {}, make("td", {}, name), make("td", {}, written(y, yShare))));
      explain(clientX, clientY, make("b", {}, `${chart.dataset.label}: ${written(value, money || xShare)}`),
        make("table", {}, make("tbody", {}, rows)));
    }
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      look((event.clientX - box.left) / box.width * chart.viewBox.baseVal.width, event.clientX, event.clientY);
    });
    const leave = () => { cross.setAttribute("visibility", "hidden"); quiet(); };
    chart.addEventListener("pointerleave", leave);
    chart.addEventListener("blur", leave);
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) { if (event.key === "Escape") leave(); return; }
      event.preventDefault();
      const box = chart.getBoundingClientRect(), scale = box.width / chart.viewBox.baseVal.width;
      const next = Math.min(Math.max(at + step * (right - left) / 40, left), right);
      look(next, box.left + next * scale, box.top + top * scale);
    });
  }

  // ---- tables ---------------------------------------------------------------------------------------------
  for (const table of $$("table.sortable")) {
    const heads = $$("thead th", table), body = $("tbody", table);
    if (body.rows.length < 2) continue;
    heads.forEach((head, column) => {
      if ($("svg.strip", head)) return;
      const button = make("button", { type: "button", class: "sorter" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const value = (row) => {
          const cell = row.cells[column];
          return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
        };
        const numeric = [...body.rows].some((row) => typeof value(row) === "number");
        const now = head.getAttribute("aria-sort");
        const first = numeric && !head.matches(":first-child") ? "descending" : "ascending";
        const wanted = now === null ? first : now === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", wanted);
        const sign = wanted === "ascending" ? 1 : -1;
        const rows = [...body.rows].sort((a, b) => {
          const u = value(a), v = value(b);
          if (typeof u !== typeof v) return typeof u === "number" ? -1 : 1;
          return sign * (typeof u === "number" ? u - v : u.localeCompare(v));
        });
        body.append(...rows);
      });
    });
  }

  // ---- figures and tables to take away --------------------------------------------------------------------
  const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "font-family", "font-size", "font-weight"];
  function save(name, kind, text) {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function picture(svg) {
    const copy = svg.cloneNode(true);
    const from = [svg, ...$$("*", svg)], to = [copy, ...$$("*", copy)];
    to.forEach((node, i) => {
      const style = getComputedStyle(from[i]);
      if (style.display === "none" || node.classList.contains("cross")) { node.setAttribute("data-gone", ""); return; }
      if (node.localName !== "svg" && node.localName !== "g") for (const key of STYLES) node.setAttribute(key, style.getPropertyValue(key));
      for (const { name } of [...node.attributes]) if (name.startsWith("data-") || name === "class" || name === "tabindex") node.removeAttribute(name);
    });
    $$("[data-gone]", copy).forEach((node) => node.remove());
    copy.setAttribute("width", svg.viewBox.baseVal.width);
    copy.setAttribute("height", svg.viewBox.baseVal.height);
    return new XMLSerializer().serializeToString(copy);
  }
  function csv(table) {
    const rows = $$("tr", table).filter((row) => !row.classList.contains("off"));
    return rows.map((row) => [...row.cells].filter((cell) => !cell.classList.contains("off") && !$("svg.strip", cell)).map((cell) => {
      const text = cell.textContent.trim();
      const safe = /^[=+@\t\r-]/.test(text) && !/^[+-][\d.]/.test(text) ? "'" + text : text;
      return /[",\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
    }).join(",")).join("\n") + "\n";
  }
  for (const figure of $$("figure")) {
    const picks = () => $$("svg.figure", figure).filter((svg) => svg.getClientRects().length);
    const table = $("table", figure), ways = [];
    if ($("svg.figure", figure)) ways.push(["SVG", () =>
      picks().forEach((svg, i) => save(`${figure.id}${i ? "-" + i : ""}.svg`, "image/svg+xml", picture(svg)))]);
    if (table) ways.push(["CSV", () => save(figure.id + ".csv", "text/csv", csv(table))]);
    if (ways.length) figure.append(make("div", { class: "saves" }, ways.map(([kind, act]) => make("button", {
      type: "button", class: "save", "aria-label": `Save ${$("h3", figure).textContent} as ${kind}`, onclick: act,
    }, "Save " + kind))));
  }
  for (const board of $$(".board")) if (!board.closest("figure")) board.closest(".scroll").after(make("p", { class: "takeaway" }, make("button", {
    type: "button", class: "save", onclick: () => save("leaderboard.csv", "text/csv", csv(board)),
  }, "Save CSV")));

  addEventListener("beforeprint", () => $$(".more > details").forEach((part) => { part.open = true; }));

  // ---- the run browser ------------------------------------------------------------------------------------
  const browser = $("#run-browser");
  if (!browser || !runs.runs || !runs.runs.length) return;
  const text = (number) => runs.texts[number];
  const clock = (ms) => ms >= 1e5 ? grouped(Math.round(ms / 1e3)) : (ms / 1e3).toFixed(2);
  const score = (value) => value === null || value === undefined ? "\u2013" : minus(value.toFixed(3));
  const dollars = (micro) => micro ? "$" + (micro / 1e6).toPrecision(3).replace(/e-?\d+$/, "") : "";
  const picker = make("div", { class: "picker" }), view = make("div", {});
  browser.append(picker, view);
  const select = (label, id) => {
    const box = make("select", { id, autocomplete: "off" });
    const frame = make("label", {}, label, box);
    picker.append(frame);
    return [box, frame];
  };
  const [inTournament, tournamentLabel] = select("Tournament", "run-tournament");
  const [onProblem] = select("Problem", "run-problem");
  const [byAgent] = select("Agent", "run-agent");
  const [ofRun] = select("Run", "run-run");
  const uniq = (values) => [...new Set(values)];
  function fill(box, options, wanted) {
    box.replaceChildren(...options.map(([value, label]) => make("option", { value }, label)));
    if (options.some(([value]) => String(value) === String(wanted))) box.value = String(wanted);
  }
  tournamentLabel.hidden = uniq(runs.runs.map((run) => run.t)).length < 2;
  const open = () => runs.runs.filter((run) => !hidden.has(String(run.a)) && (!which || which.value === "" || String(run.t) === which.value));
  function choose(run) {
    const all = open();
    if (!all.length) { view.replaceChildren(make("p", {}, "No run of the agents shown can be opened.")); return; }
    if (!all.includes(run)) run = all[0];
    const same = all.filter((r) => r.t === run.t);
    fill(inTournament, uniq(all.map((r) => r.t)).map((t) => [t, facts.tournaments[t].title]), run.t);
    fill(onProblem, uniq(same.map((r) => r.p)).sort((a, b) => a - b).map((p) => [p, facts.tournaments[run.t].problems[p]]), run.p);
    const here = same.filter((r) => r.p === run.p);
    fill(byAgent, uniq(here.map((r) => r.a)).sort((a, b) => a - b).map((a) => [a, facts.agents[a]]), run.a);
    fill(ofRun, here.filter((r) => r.a === run.a).sort((a, b) => a.s - b.s).map((r) => [r.k,
      `seed ${r.s}: ${r.y === null ? "failed" : score(r.y)}${["median", "best", "worst"].includes(r.w) ? `, ${r.w}` : ""}`]), run.k);
    show(run);
  }
  const current = () => ({ t: Number(inTournament.value), p: Number(onProblem.value), a: Number(byAgent.value), k: ofRun.value });
  function nearest(wanted, keys) {
    const all = open();
    for (let n = keys.length; n > 0; n--) {
      const found = all.find((run) => keys.slice(0, n).every((key) => run[key] === wanted[key]));
      if (found) return found;
    }
    return all[0];
  }
  inTournament.addEventListener("change", () => choose(nearest(current(), ["t", "a", "p"])));
  onProblem.addEventListener("change", () => choose(nearest(current(), ["t", "p", "a"])));
  byAgent.addEventListener("change", () => choose(nearest(current(), ["t", "p", "a"])));
  ofRun.addEventListener("change", () => choose(nearest(current(), ["k"])));
  listeners.push(() => choose(nearest(current(), ["k"])));

  const KINDS = ["evaluation", "completion", "white box"];
  const bad = (call) => ["failed", "retried", "late", "withdrawn"].includes(runs.fates[call[3]]) || call[9] !== undefined && call[0] === 0 && call[10] > 0 && call[4] === null;
  function show(run) {
    try { history.replaceState(null, "", "#run=" + run.k); } catch { /* a browser may refuse it to files */ }
    const [evaluations, tokens, usd, seconds] = run.q;
    const head = make("p", { class: "run-head" },
      make("span", {}, "true score ", make("b", {}, score(run.y))),
      make("span", {}, `from ${score(run.o[0])} (blind guess) to ${score(run.o[1])} (optimum)`),
      make("span", {}, make("b", {}, grouped(evaluations)), " evaluations"),
      tokens ? make("span", {}, make("b", {}, grouped(tokens)), " tokens") : null,
      usd ? make("span", {}, make("b", {}, "$" + Number(usd.toPrecision(3))), " spent") : null,
      seconds ? make("span", {}, make("b", {}, grouped(Math.round(seconds))), " s on its clock") : null,
      make("span", {}, "key ", make("code", {}, run.k)));
    const notes = [];
    if (run.e !== undefined) notes.push(make("ul", { class: "failures" }, make("li", {}, "This run failed: ", make("code", {}, text(run.e)))));
    if (run.i !== undefined) notes.push(make("ul", { class: "caveats" }, make("li", {}, text(run.i))));
    if (run.n) notes.push(make("p", { class: "caption" }, `The first ${run.c.length} of ${grouped(run.n)} requests; the store has all.`));
    const timeline = make("div", { class: "timeline" });
    const detail = make("div", { class: "detail", "aria-live": "polite" });
    const rows = run.c.map((call, i) => make("tr", { class: bad(call) ? "failed" : null, "aria-selected": "false", "data-i": i },
      make("td", { class: "num" }, i + 1), make("td", { class: "num" }, clock(call[1])), make("td", {}, KINDS[call[0]]),
      make("td", { class: "num" }, call[4] !== null ? score(call[4]) : bad(call) ? runs.fates[call[3]] : ""),
      make("td", { class: "num" }, call[6] ? grouped(call[6]) : ""), make("td", { class: "num" }, dollars(call[7])),
      make("td", { class: "asked" }, call[8] === null ? "" : text(call[8]).slice(0, 160))));
    const list = make("div", { class: "calls", tabindex: "0", role: "listbox", "aria-label": "Requests; arrow keys move" },
      make("table", {}, make("thead", {}, make("tr", {}, ["#", "sent, s", "request", "seen", "tokens", "cost", "text"].map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, rows)));
    let at = -1, ring = null, spots = [];
    function pickCall(i, scroll = true) {
      if (!rows.length) return;
      i = Math.min(Math.max(i, 0), rows.length - 1);
      if (at >= 0) rows[at].setAttribute("aria-selected", "false");
      at = i;
      rows[i].setAttribute("aria-selected", "true");
      if (scroll) list.scrollTop = Math.max(0, rows[i].offsetTop - list.clientHeight / 2);
      if (ring && spots[i]) for (const [key, value] of Object.entries(spots[i])) ring.setAttribute(key, value);
      detail.replaceChildren(...describe(run.c[i], i));
    }
    list.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-i]");
      if (row) pickCall(Number(row.dataset.i), false);
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[event.key];
      if (step) { event.preventDefault(); pickCall(at + step); }
    });
    const left = make("div", {}, make("h3", {}, `Requests (${grouped(run.n || run.c.length)})`), list, detail);
    const right = make("div", {}, make("h3", {}, "The instruction as it evolved"), evolution(run));
    view.replaceChildren(head, ...notes, timeline, make("div", { class: "panes" }, left, right));
    const redraw = () => { [ring, spots] = draw(timeline, run, pickCall); if (at >= 0) pickCall(at, false); };
    redraw();
    observer.disconnect();
    drawn = { width: timeline.clientWidth, redraw };
    observer.observe(timeline);
    pickCall(0, false);
  }
  let drawn = null;
  const observer = new ResizeObserver(([entry]) => {
    if (drawn && Math.abs(entry.target.clientWidth - drawn.width) > 2) { drawn.width = entry.target.clientWidth; drawn.redraw(); }
  });

  function describe(call, i) {
    const [kind, sent, answered, fate, seen, truth, tokens, micro, asked] = call;
    const parts = [`Request ${i + 1}: ${KINDS[kind]}, sent at ${clock(sent)} s, answered after ${clock(answered - sent)} s, ${runs.fates[fate]}`];
    if (seen !== null) parts.push(`score seen ${score(seen)}`);
    if (truth !== null) parts.push(`truth ${score(truth)}`);
    if (tokens) parts.push(`${grouped(tokens)} tokens`);
    if (micro) parts.push(dollars(micro));
    if (kind === 0 && call[9]) parts.push(`${call[9]} rows put to the model`);
    if (kind === 0 && call[11]) parts.push(`${call[11]} rows known already`);
    if (kind === 0 && call[10]) parts.push(`${call[10]} attempts failed`);
    const found = [make("p", {}, parts.join(" \u00b7 "))];
    if (asked !== null) found.push(make("b", {}, kind === 0 ? "Candidate" : "Asked"), make("div", { class: "said", tabindex: "0" }, text(asked)));
    if (kind === 1) call[9].forEach((number, j) => found.push(make("b", {}, call[9].length > 1 ? `Written, ${j + 1}` : "Written"),
      make("div", { class: "said", tabindex: "0" }, text(number))));
    return found;
  }

  function changed(before, after) {  // words added and dropped, by their longest common subsequence
    const a = before.split(/(\s+)/), b = after.split(/(\s+)/);
    if (a.length * b.length > 250000) return [document.createTextNode(after)];
    const size = b.length + 1, table = new Uint16Array((a.length + 1) * size);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--)
      table[i * size + j] = a[i] === b[j] ? table[(i + 1) * size + j + 1] + 1 : Math.max(table[(i + 1) * size + j], table[i * size + j + 1]);
    const found = [];
    const add = (name, word) => {
      const last = found[found.length - 1];
      if (last && last.name === name) last.words += word; else found.push({ name, words: word });
    };
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { add("", a[i]); i++; j++; }
      else if (j >= b.length || i < a.length && table[(i + 1) * size + j] >= table[i * size + j + 1]) add("del", a[i++]);
      else add("ins", b[j++]);
    }
    const same = found.filter((part) => !part.name).reduce((sum, part) => sum + part.words.trim().length, 0);
    if (same < 0.25 * Math.max(after.length, 1)) return [document.createTextNode(after)];
    return found.map((part) => part.name ? make(part.name, {}, part.words) : document.createTextNode(part.words));
  }
  function evolution(run) {
    const items = [];
    let before = null;
    for (const [number, truth, at, evaluations] of run.r) {
      if (before && before.number === number) continue;
      const better = before && truth > before.truth, worse = before && truth < before.truth;
      const words = before ? changed(text(before.number), text(number)) : [document.createTextNode(text(number))];
      items.push(make("li", { class: better ? "better" : worse ? "worse" : null },
        make("div", { class: "when" }, `${clock(at)} s, ${grouped(evaluations)} evaluations: true score `, make("b", {}, score(truth)),
          better ? ` (+${(truth - before.truth).toFixed(3)})` : worse ? ` (\u2212${(before.truth - truth).toFixed(3)})` : ""),
        make("div", { class: "said" }, words)));
      before = { number, truth };
    }
    if (!items.length) return make("p", {}, "It recommended nothing before its end.");
    return make("ol", { class: "evolution", tabindex: "0", "aria-label": "Recommendations in order" }, items);
  }

  function draw(frame, run, pickCall) {
    const width = Math.max(300, frame.clientWidth - 32), left = 40, right = width - 12;
    const timed = run.c.some((call) => call[2] > 0);
    const start = (call, i) => timed ? call[1] : i, end = (call, i) => timed ? Math.max(call[2], call[1]) : i + 1;
    const last = Math.max(1e-9, ...run.c.map(end), ...run.r.map((step) => timed ? step[2] : 0));
    const x = (value) => left + (right - left) * value / last;
    const scores = [...run.c.map((call) => call[4]), ...run.r.map((step) => step[1]), ...run.o].filter((value) => value !== null);
    let low = Math.min(0, ...scores), high = Math.max(...scores, low + 1e-9);
    if (low === 0 && high > 0.5 && high < 1) high = 1;
    const top = 14, floor = 150, y = (value) => floor - (floor - top) * (value - low) / (high - low);
    const lanes = [], place = run.c.map((call, i) => {
      let lane = lanes.findIndex((busy) => busy <= start(call, i));
      if (lane < 0) lane = lanes.length;
      lanes[lane] = end(call, i);
      return lane;
    });
    const deep = Math.min(lanes.length, 400), thick = Math.max(1.5, Math.min(14, 110 / Math.max(deep, 1)));
    const roof = floor + 18, ground = roof + thick * deep + 4, height = ground + 30;
    const parts = [];
    const put = (name, attributes, ...content) => { const node = make("svg:" + name, attributes, ...content); parts.push(node); return node; };
    const words = (value, dx, dy, anchor) => put("text", { x: dx, y: dy, "text-anchor": anchor }, value);
    const step = (span, wanted) => {
      const rough = span / wanted, power = 10 ** Math.floor(Math.log10(rough));
      return [1, 2, 2.5, 5, 10].map((m) => m * power).reduce((a, b) => Math.abs(Math.log(a / rough)) < Math.abs(Math.log(b / rough)) ? a : b);
    };
    const up = step(high - low, 4);
    for (let value = Math.ceil(low / up) * up; value <= high + 1e-9; value += up) {
      put("line", { class: "grid", x1: left, x2: right, y1: y(value), y2: y(value) });
      words(minus(String(Number(value.toFixed(6)))), left - 6, y(value) + 4, "end");
    }
    const unit = timed ? 1000 : 1, across = step(last / unit, Math.max(2, width / 110));
    for (let value = 0; value <= last / unit + 1e-9; value += across) {
      put("line", { class: "axis", x1: x(value * unit), x2: x(value * unit), y1: ground, y2: ground + 4 });
      words(grouped(Number(value.toFixed(6))), x(value * unit), ground + 16, "middle");
    }
    put("line", { class: "axis", x1: left, x2: right, y1: ground, y2: ground });
    words(timed ? "seconds on the agent's clock" : "requests", (left + right) / 2, ground + 28, "middle");
    if (run.o[1] !== null) put("line", { class: "level", x1: left, x2: right, y1: y(run.o[1]), y2: y(run.o[1]) });
    words("score: dots seen, line true score of the recommendation", left, 9, "start");
    words("requests", left, roof - 5, "start");
    const spots = run.c.map((call, i) => {
      const from = x(start(call, i)), to = x(end(call, i)), above = roof + thick * Math.min(place[i], deep - 1);
      const kind = bad(call) ? "x" : "ecb"[call[0]];
      put("rect", { class: "call " + kind, x: from, y: above, width: Math.max(1, to - from - 0.5), height: Math.max(1, thick - 1), "data-i": i });
      if (call[4] !== null) put("circle", { class: "seen", cx: to, cy: y(call[4]), r: 2.6, "data-i": i });
      return { x: from - 1.5, y: above - 1.5, width: Math.max(4, to - from + 2.5), height: thick + 2 };
    });
    let d = "";
    run.r.forEach((recommended, i) => {
      const at = timed ? x(recommended[2]) : x(i);
      d += (d ? `H${at.toFixed(1)}V` : `M${at.toFixed(1)} `) + y(recommended[1] ?? low).toFixed(1);
    });
    if (d) put("path", { class: "truth", d: d + "H" + right });
    const ring = put("rect", { class: "chosen", width: 0, height: 0 });
    const svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Timeline of requests; the list below has them all" }, parts);
    svg.addEventListener("click", (event) => { const i = event.target.getAttribute("data-i"); if (i !== null) pickCall(Number(i)); });
    svg.addEventListener("pointermove", (event) => {
      const i = event.target.getAttribute("data-i");
      if (i === null) { quiet(); return; }
      const call = run.c[i];
      explain(event.clientX, event.clientY, make("b", {}, `${KINDS[call[0]]} ${Number(i) + 1}${call[4] !== null ? ", score " + score(call[4]) : ""}`),
        `${clock(call[1])} to ${clock(call[2])} s, ${runs.fates[call[3]]}`, make("br"), call[8] === null ? "" : text(call[8]).slice(0, 180));
    });
    svg.addEventListener("pointerleave", quiet);
    frame.replaceChildren(svg);
    return [ring, spots];
  }

  for (const cell of $$(".map td.heat[data-problem]")) cell.addEventListener("click", () => {
    const [t, p] = cell.dataset.problem.split(" ").map(Number);
    const found = runs.runs.find((run) => run.t === t && run.p === p && String(run.a) === cell.dataset.agent);
    if (found) { choose(found); $("#browser").scrollIntoView(); }
  });
  const linked = location.hash.startsWith("#run=") ? runs.runs.find((run) => run.k === location.hash.slice(5)) : null;
  choose(linked || runs.runs[0]);
  if (linked) $("#browser").scrollIntoView();
  else try { history.replaceState(null, "", location.pathname + location.search); } catch { /* likewise */ }
})();
