"use strict";
// Makes the page better, never necessary: sorting, filters, enlarged pictures, curves of single tuples.
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "path", "line", "text", "g", "title", "desc", "circle"].includes(name);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const chosen = (name) => one(`input[name="${name}"]:checked`).value;
  document.documentElement.classList.add("js");

  // --- leaderboard -----------------------------------------------------------------------------------------

  const board = one("#board");
  if (board) {
    const headings = all("thead th", board);
    const status = one("#board-status");
    const value = (row, column, text) => {
      const found = row.cells[column].dataset.value;
      return text || found === "" ? found : Number(found);
    };
    const sort = (heading) => {
      const column = headings.indexOf(heading);
      const text = heading.dataset.sort === "text";
      const first = heading.dataset.sort === "down" ? "descending" : "ascending";
      const turned = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      const order = heading.hasAttribute("aria-sort") ? turned : first;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      for (const body of board.tBodies) {
        const rows = all("tr:not(.group)", body);
        rows.sort((a, b) => {
          const [x, y] = [value(a, column, text), value(b, column, text)];
          if (x === "" || y === "") return (x === "") - (y === ""); // what is missing comes last either way
          return sign * (text ? x.localeCompare(y) : x - y);
        });
        body.append(...rows);
      }
      status.textContent = `Sorted by ${heading.textContent.replace(/\s+/g, " ").trim()}, ${order}.`;
    };
    for (const heading of headings) {
      const button = make("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(heading));
    }
    const filter = () => {
      const category = chosen("board-category");
      for (const body of board.tBodies) body.hidden = body.dataset.category !== category;
    };
    for (const input of all('input[name="board-category"]')) input.addEventListener("change", filter);
    filter();
  }

  // --- gallery ---------------------------------------------------------------------------------------------

  const cards = all(".card");
  if (cards.length) {
    const search = one("#gallery-search");
    const filter = () => {
      const [category, words] = [chosen("gallery-category"), search.value.trim().toLowerCase()];
      let shown = 0;
      for (const card of cards) {
        const fits = category === "all" || card.dataset.category === category;
        card.hidden = !(fits && card.dataset.ids.toLowerCase().includes(words));
        shown += !card.hidden;
      }
      one("#gallery-status").textContent = `${shown} of ${cards.length} tuples`;
    };
    for (const input of all('input[name="gallery-category"]')) input.addEventListener("change", filter);
    search.addEventListener("input", filter);
    filter();

    const score = one("#gallery-score");
    score.addEventListener("change", () => {
      for (const card of cards) {
        const rows = new Map(all("tr[data-name]", card).map((row) => [row.dataset.name, row]));
        for (const figure of all("figure.method", card)) {
          one(".score", figure)?.remove();
          const row = rows.get(figure.dataset.name);
          if (score.value === "" || !row) continue;
          const text = row.cells[Number(score.value) + 1].textContent;
          one("figcaption", figure).append(make("span", { class: "score" }, text));
        }
      }
    });

    const zoom = one("#zoom");
    const answer = one("#zoom-answer");
    const label = (figure) => one("figcaption", figure).firstChild.textContent.trim();
    let current = null;
    let opener = null;
    const draw = () => {
      const card = current.closest(".card");
      const held = answer?.getAttribute("aria-pressed") === "true";
      const figure = held ? one("figure.answer", card) : current;
      const picture = one("img", figure);
      const shown = one("#zoom-picture");
      shown.hidden = !picture;
      shown.src = picture ? picture.src : "data:,";
      shown.alt = picture ? picture.alt : "";
      one("#zoom-title").textContent = `${one("h3", card).firstChild.textContent.trim()}: ${label(figure)}`;
      one("#zoom-note").textContent = one(".lost", figure)?.textContent ?? one(".score", figure)?.textContent ?? "";
    };
    const go = (figure) => {
      if (!figure) return;
      current = figure;
      draw();
    };
    const across = (by) => {
      const figures = all("figure", current.closest(".card"));
      go(figures[(figures.indexOf(current) + by + figures.length) % figures.length]);
    };
    const down = (by) => {
      const visible = cards.filter((card) => !card.hidden);
      const card = current.closest(".card");
      const next = visible[visible.indexOf(card) + by];
      if (next) go(all("figure", next)[all("figure", card).indexOf(current)]);
    };
    const hold = () => {
      answer?.setAttribute("aria-pressed", String(answer.getAttribute("aria-pressed") !== "true"));
      draw();
    };
    for (const picture of all(".shots img")) {
      const button = make("button", { type: "button", class: "enlarge", "aria-haspopup": "dialog" });
      picture.replaceWith(button);
      button.append(picture);
      button.addEventListener("click", () => {
        opener = button;
        answer?.setAttribute("aria-pressed", "false");
        go(button.closest("figure"));
        zoom.showModal();
      });
    }
    const keys = {
      ArrowLeft: () => across(-1), ArrowRight: () => across(1),
      ArrowUp: () => down(-1), ArrowDown: () => down(1), t: hold, T: hold,
    };
    zoom.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    zoom.addEventListener("click", (event) => event.target === zoom && zoom.close()); // beside the picture
    zoom.addEventListener("close", () => opener?.focus());
    one("#zoom-close").addEventListener("click", () => zoom.close());
    answer?.addEventListener("click", hold);
    for (const button of all("[data-move]", zoom)) {
      button.addEventListener("click", () => across(Number(button.dataset.move)));
    }
  }

  // --- curves ----------------------------------------------------------------------------------------------

  const stored = one("#traces");
  if (stored) {
    const data = JSON.parse(stored.textContent);
    const [tuples, methods, others] = ["#curve-tuple", "#curve-method", "#curve-other"].map((id) => one(id));
    const option = (text, value) => make("option", { value }, text);
    data.tuples.forEach((id, i) => {
      if (data.curves.some((of) => of[i])) tuples.append(option(id, i));
    });
    data.methods.forEach((label, i) => {
      methods.append(option(label, i));
      others.append(option(label, i));
    });

    const panels = [
      { name: "losses", title: "Losses", log: true },
      { name: "hair", title: "Hair IoU with the structure portrait", range: [0, 1] },
      { name: "gradients", title: "Agreement of the two gradients, cosine", range: [-1, 1] },
    ];
    const readable = (x) => {
      const size = Math.abs(x);
      if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
        const [digits, power] = x.toExponential(1).split("e");
        const raised = [...String(Number(power))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
        return Number(digits) === 1 ? `10${raised}` : `${Number(digits)}·10${raised}`;
      }
      return String(Number(x.toPrecision(3))).replace("-", "−");
    };
    const steps = (low, high, count) => {
      const rough = (high - low) / count;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
      const found = [];
      for (let x = Math.ceil(low / step - 1e-9) * step; x <= high + step / 1e6; x += step) found.push(x);
      return found;
    };
    const decades = (low, high) => {
      const every = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / 6));
      const found = [];
      for (let p = Math.ceil(Math.log10(low) - 1e-9); p <= Math.log10(high) + 1e-9; p += every) found.push(10 ** p);
      return found.length > 1 ? found : steps(low, high, 4);
    };

    // Every quantity keeps its colour, whichever tuple and method is shown.
    const series = (panel) => {
      const found = [];
      [methods.value, others.value].forEach((method, dashed) => {
        const curves = method === "" ? null : data.curves[method][tuples.value];
        if (!curves || (dashed && method === methods.value)) return;
        data.quantities.forEach((quantity, colour) => {
          if (quantity.panel !== panel || !curves[quantity.column]) return;
          const [at, values] = curves[quantity.column];
          found.push({ quantity, colour, dashed, x: data.steps[at], y: values, method: data.methods[method] });
        });
      });
      return found;
    };

    const plot = (panel) => {
      const lines = series(panel.name);
      if (!lines.length) return null;
      const [width, height, left, right, top, bottom] = [440, 280, 50, 12, 12, 42];
      const x1 = Math.max(1, ...lines.flatMap((line) => line.x));
      const values = lines.flatMap((line) => line.y);
      const log = panel.log && Math.min(...values) > 0;
      let [low, high] = panel.range ?? [Math.min(...values), Math.max(...values)];
      if (!panel.range && !log) low = Math.min(0, low);
      if (log) [low, high] = [low / 1.4, high * 1.4]; // no curve lies on the frame
      if (low === high) high = low + (Math.abs(low) || 1);
      const part = (y) => (log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low));
      const px = (x) => left + (x / x1) * (width - left - right);
      const py = (y) => top + (1 - part(y)) * (height - top - bottom);
      const title = `${panel.title}, ${data.tuples[tuples.value]}`;
      const said = lines
        .map((l) => `${l.method}, ${l.quantity.label}: from ${readable(l.y[0])} to ${readable(l.y.at(-1))}`)
        .join("; ");
      const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${said}.` });
      for (const y of log ? decades(low, high) : steps(low, high, 5)) {
        svg.append(
          make("line", { x1: left, x2: width - right, y1: py(y), y2: py(y), class: "grid" }),
          make("text", { x: left - 7, y: py(y) + 4, "text-anchor": "end" }, readable(y)),
        );
      }
      for (const x of steps(0, x1, 6)) {
        svg.append(make("text", { x: px(x), y: height - bottom + 18, "text-anchor": "middle" }, readable(x)));
      }
      svg.append(
        make("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }),
        make("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, "iteration"),
      );
      for (const line of lines) {
        const path = line.x.map((x, i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(line.y[i]).toFixed(1)}`);
        svg.append(make("path", { d: path.join(""), class: `line s${line.colour % 6}${line.dashed ? " dashed" : ""}` }));
      }
      const cursor = make("line", { y1: top, y2: height - bottom, class: "cursor", visibility: "hidden" });
      svg.append(cursor);

      const legend = make("ul", { class: "legend" });
      const readings = lines.map((line) => {
        const reading = make("span", { class: "reading" });
        const key = make("span", { class: `key s${line.colour % 6}${line.dashed ? " dashed" : ""}` });
        const name = others.value === "" ? line.quantity.label : `${line.quantity.label}, ${line.method}`;
        legend.append(make("li", {}, key, name, reading));
        return reading;
      });
      svg.addEventListener("pointermove", (event) => {
        const box = svg.getBoundingClientRect();
        const at = (((event.clientX - box.left) / box.width) * width - left) / (width - left - right);
        const x = Math.round(Math.min(1, Math.max(0, at)) * x1);
        for (const [name, value] of [["x1", px(x)], ["x2", px(x)], ["visibility", "visible"]]) cursor.setAttribute(name, value);
        lines.forEach((line, i) => {
          const near = line.x.reduce((best, s, j) => (Math.abs(s - x) < Math.abs(line.x[best] - x) ? j : best), 0);
          readings[i].textContent = ` ${readable(line.y[near])} at ${line.x[near]}`;
        });
      });
      svg.addEventListener("pointerleave", () => {
        cursor.setAttribute("visibility", "hidden");
        for (const reading of readings) reading.textContent = "";
      });
      const heading = `${panel.title}${log ? ", logarithmic" : ""}`;
      return make("figure", { class: "panel" }, make("figcaption", {}, heading), svg, legend);
    };

    const table = one("#curve-table tbody");
    const update = () => {
      const drawn = panels.map(plot).filter(Boolean);
      const nothing = make("p", { class: "hint" }, "This method recorded nothing on this tuple: it failed, or it does not optimise.");
      one("#panels").replaceChildren(...(drawn.length ? drawn : [nothing]));
      table.replaceChildren(
        ...panels.flatMap((panel) => series(panel.name)).map((line) => make("tr", {},
          make("th", { scope: "row", class: "word" }, line.method),
          make("td", { class: "word" }, line.quantity.label),
          ...[line.y[0], line.y.at(-1), Math.min(...line.y), Math.max(...line.y)].map((y) => make("td", {}, readable(y))),
          make("td", {}, `${line.x[0]} to ${line.x.at(-1)}`))),
      );
    };
    for (const select of [tuples, methods, others]) select.addEventListener("change", update);
    update();
  }
})();
