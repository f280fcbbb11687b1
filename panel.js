// One panel: the drawing of some series, the pointer in it, and what they come
// to in figures.

import { make, named, shape } from "./dom.js";
import { axes, marks, scales, series } from "./drawing.js";
import { nearest, summary } from "./steps.js";
import { exact } from "./ticks.js";
import { unitOf, withUnit } from "./units.js";
import { many, measured, moment, number, odd } from "./words.js";

const reach = 14; // pixels from an anomaly at which it is meant

// panel makes one of a metric. actions: point(time) moves the pointer of all
// panels, hide() takes it away, select(from, to) zooms, key(event, time) takes
// other keys, remove(line) takes a series out.
export function panel(metric, actions) {
  const unit = unitOf(metric);
  const layers = { axes: shape("g", {}), lines: shape("g", {}), marks: shape("g", {}), over: shape("g", {}) };
  const drawing = shape("svg", { "aria-hidden": "true", focusable: "false" });
  drawing.append(...Object.values(layers));
  const tip = make("div", { className: "tip", hidden: true, "aria-hidden": "true" });
  const plot = make("div", { className: "plot", tabIndex: 0, role: "slider", "aria-label": `Time in ${metric}`, "aria-describedby": "keys" }, drawing, tip);
  const figures = make("tbody");
  const title = make("h2", {}, named(metric), unit ? make("span", { className: "unit", textContent: unit }) : null);
  const heads = ["Sensor", "Last", "Lowest", "Average", "Highest", "Readings", "Anomalies", ""];
  const element = make("section", { className: "panel", "aria-label": metric }, title, plot,
    make("table", { className: "figures" },
      make("caption", { className: "heard", textContent: `${metric}: what is drawn, in figures` }),
      make("thead", {}, make("tr", {}, ...heads.map((text) => (text ? make("th", { scope: "col", textContent: text }) : make("td"))))), figures));

  let lines = [], scale = null, time = null, chosen = null, pressed = null;

  function draw(shown, span) {
    lines = shown;
    const box = drawing.getBoundingClientRect();
    scale = scales(lines, span, Math.max(220, box.width), Math.max(140, box.height));
    drawing.setAttribute("viewBox", `0 0 ${scale.width} ${scale.height}`);
    layers.axes.replaceChildren(...axes(scale, unit));
    layers.lines.replaceChildren(...lines.map((line) => series(line, scale)));
    mark();
    plot.setAttribute("aria-valuemin", Math.round(span[0] / 1000));
    plot.setAttribute("aria-valuemax", Math.round(span[1] / 1000));
    point(time, chosen, !tip.hidden);
  }

  // mark draws the anomalies and the figures, which come later than the readings.
  function mark() {
    layers.marks.replaceChildren(...lines.map((line) => marks(line, scale)));
    figures.replaceChildren(...lines.map((line) => {
      const all = summary(line.steps);
      const value = (name) => make("td", { textContent: all ? withUnit(exact(all[name]), unit) : "–" });
      return make("tr", {},
        make("th", { scope: "row" }, make("span", { className: `key c${line.colour}` }), named(line.sensor)),
        value("last"), value("min"), value("avg"), value("max"),
        make("td", { textContent: all ? number(all.count) : "none" }),
        make("td", { textContent: line.looking ? "…" : line.unmarked ? "not marked" : number(line.anomalies.length), title: line.unmarked || "" }),
        make("td", {}, make("button", {
          type: "button", className: "remove", textContent: "×", title: "Take out of the view",
          "aria-label": `Take ${metric} of ${line.sensor} out of the view`, onclick: () => actions.remove(line),
        })));
    }));
  }

  // here is what the pointer is at: of each series the nearest step, and the
  // anomalies that are meant.
  function here() {
    const close = (anomaly) => Math.abs(scale.x(anomaly.time) - scale.x(time)) < reach / 2;
    return lines.filter((line) => line.steps.length > 0).map((line) => ({
      line, step: line.steps[nearest(line.steps, time)],
      anomalies: chosen ? line.anomalies.filter((anomaly) => anomaly === chosen) : line.anomalies.filter(close).slice(0, 3),
    }));
  }

  // point puts the pointer at a time, or at an anomaly, or nowhere.
  function point(to, anomaly = null, tipped = false) {
    chosen = anomaly;
    time = to !== null && scale && to >= scale.from && to <= scale.to ? to : null;
    layers.over.replaceChildren();
    tip.hidden = true;
    const now = time ?? scale?.to ?? 0;
    plot.setAttribute("aria-valuenow", Math.round(now / 1000));
    if (time === null || !scale) {
      plot.setAttribute("aria-valuetext", lines.every((line) => line.steps.length === 0) ? "no readings in this range" : `the end of the range, ${moment(now)}`);
      return;
    }
    const found = here();
    const x = Math.round(scale.x(time)) + 0.5;
    layers.over.append(shape("line", { class: "pointer", x1: x, x2: x, y1: scale.margin.top, y2: scale.height - scale.margin.bottom }));
    for (const { line, step } of found) {
      layers.over.append(shape("circle", { class: `at c${line.colour}`, cx: scale.x(step.start), cy: scale.y(step.count === 1 ? step.last : step.avg), r: 4 }));
    }
    if (chosen) layers.over.append(shape("circle", { class: "ring", cx: scale.x(chosen.time), cy: scale.y(chosen.value), r: 11 }));
    const at = chosen ? chosen.time : found.length === 1 ? found[0].step.start : time;
    plot.setAttribute("aria-valuetext", [moment(at), ...found.flatMap(({ line, step, anomalies }) => [
      `${lines.length > 1 ? `${line.sensor} ` : ""}${chosen && anomalies.length > 0 ? withUnit(exact(chosen.value), unit) : measured(step, unit)}`,
      ...anomalies.map((one) => `anomaly: ${odd(one)}`),
    ])].join("; "));
    if (tipped) showTip(at, found, x);
  }

  function showTip(at, found, x) {
    tip.replaceChildren(make("p", { className: "when", textContent: moment(at) }), ...found.flatMap(({ line, step, anomalies }) => [
      make("p", {}, make("span", { className: `key c${line.colour}` }), named(line.sensor), " ", make("strong", { textContent: withUnit(exact(step.count === 1 ? step.last : step.avg), unit) }),
        step.count > 1 ? make("span", { className: "more", textContent: ` ${exact(step.min)} to ${exact(step.max)}, ${many(step.count, "reading")}` }) : null),
      ...anomalies.map((one) => make("p", { className: "odd" }, make("strong", { textContent: withUnit(exact(one.value), unit) }), ` ${odd(one)}`)),
    ]));
    tip.hidden = false;
    const room = plot.clientWidth, wide = tip.offsetWidth;
    tip.style.left = `${Math.max(0, x + 14 + wide > room ? x - 14 - wide : x + 14)}px`;
  }

  // steps moves the pointer by some steps of the first series.
  function step(by) {
    const steps = lines.find((line) => line.steps.length > 0)?.steps;
    if (!steps) return;
    const from = time === null ? (by > 0 ? -1 : steps.length) : nearest(steps, time);
    actions.point(steps[Math.min(Math.max(from + by, 0), steps.length - 1)].start);
  }

  // jump goes to the anomaly before or behind the pointer.
  function jump(forward) {
    const from = chosen?.time ?? time ?? (forward ? -Infinity : Infinity);
    const all = lines.flatMap((line) => line.anomalies).sort((a, b) => a.time - b.time);
    const to = forward ? all.find((one) => one.time > from) : all.findLast((one) => one.time < from);
    if (to) actions.point(to.time, to);
  }

  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = event.shiftKey ? null : { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20, Home: -Infinity, End: Infinity }[event.key];
    if (move) step(move);
    else if (event.key === "n" || event.key === "p") jump(event.key === "n");
    else if (!actions.key(event, time)) return;
    event.preventDefault();
  });

  const placed = (event) => {
    const box = drawing.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * scale.width, y: (event.clientY - box.top) / box.height * scale.height };
  };
  // meant is the anomaly that the pointer is at.
  const meant = ({ x, y }) => {
    const away = (one) => Math.hypot(scale.x(one.time) - x, scale.y(one.value) - y);
    const near = lines.flatMap((line) => line.anomalies).filter((one) => away(one) < reach);
    return near.sort((a, b) => away(a) - away(b))[0] ?? null;
  };
  function select(to) {
    layers.over.querySelector(".selection")?.remove();
    const [left, right] = [pressed.x, to].sort((a, b) => a - b);
    layers.over.append(shape("rect", { class: "selection", x: left, width: right - left, y: scale.margin.top, height: scale.inner.height }));
  }
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !scale) return;
    pressed = placed(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    if (!scale) return;
    const is = placed(event), anomaly = meant(is);
    actions.point(anomaly?.time ?? scale.time(is.x), anomaly);
    if (pressed) select(is.x);
  });
  plot.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const { x } = placed(event), from = pressed.x;
    pressed = null;
    layers.over.querySelector(".selection")?.remove();
    if (Math.abs(x - from) > 6) actions.select(scale.time(from), scale.time(x));
  });
  plot.addEventListener("pointercancel", () => { pressed = null; });
  plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) actions.hide(); });
  plot.addEventListener("focus", () => { if (time === null) step(-1); });
  plot.addEventListener("blur", () => actions.hide());
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !scale) return; // which is also how a pinch comes
    event.preventDefault();
    actions.zoom(scale.time(placed(event).x), event.deltaY > 0 ? 1.25 : 0.8);
  }, { passive: false });
  plot.addEventListener("dblclick", () => actions.reset());

  return { metric, element, plot, draw, mark, point, busy: () => pressed !== null, width: () => drawing.getBoundingClientRect().width - 76 };
}
