// The page asks the API as any client does. What is shown is in the address
// behind the #, so that it can be linked to, survives a reload and can be gone back to.

import { draw, point, pointer, select, timeAt } from "./chart.js";
import { offerThemes } from "./theme.js";
import { mostSeries, pan, readView, writeView, zoom } from "./view.js";

const interval = 10_000; // between two updates, in milliseconds
const steps = 300; // of the chart, at most

const at = (id) => document.getElementById(id);
const ranges = [...at("range").options].map((option) => Number(option.value));
let view = readView(location.hash, ranges);
let span = [0, 0]; // that is drawn, in milliseconds
let known = new Map(); // sensors by name, as the API described them
let sensors = []; // in the list
let cursor = "";
let asked = 0; // counts requests for a chart: only the newest is drawn

async function ask(path, query) {
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.errors?.[0]?.reason ?? answer.detail ?? answer.title);
  return answer;
}

function state(name, message) {
  document.body.dataset.state = name;
  at("message").textContent = message;
}

function fail(error) {
  state("error", `The readings cannot be shown: ${error.message}. Trying again in ${interval / 1000} seconds.`);
}

async function loadSensors(more) {
  const answer = await ask("v1/sensors", { prefix: at("prefix").value, cursor: more ? cursor : "" });
  sensors = more ? sensors.concat(answer.sensors) : answer.sensors;
  for (const sensor of answer.sensors) known.set(sensor.sensor_id, sensor);
  cursor = answer.next_cursor ?? "";
  at("more").hidden = !cursor;
  listSensors();
}

const shownSensor = (name) => view.series.some((one) => one.sensor === name);

function listSensors() {
  const focused = document.activeElement?.dataset?.sensor;
  at("sensors").replaceChildren(...sensors.map((sensor) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sensor.sensor_id;
    button.dataset.sensor = sensor.sensor_id;
    button.setAttribute("aria-current", String(shownSensor(sensor.sensor_id)));
    button.addEventListener("click", () => choose(sensor));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  if (focused) [...at("sensors").querySelectorAll("button")].find((b) => b.dataset.sensor === focused)?.focus();
}

// choose shows a sensor instead of what was shown, or beside it.
function choose(sensor) {
  const one = { sensor: sensor.sensor_id, metric: sensor.metrics[0].metric };
  const beside = at("add").checked;
  if (beside && view.series.length >= mostSeries) {
    at("message").textContent = `A view has at most ${mostSeries} series: take one away first.`;
    return;
  }
  change({ series: beside ? view.series.concat(one) : [one] });
}

// change shows another view and notes it in the address, one step back from the last.
function change(to) {
  view = { ...view, ...to };
  history.pushState(null, "", writeView(view));
  state("loading", "Loading…");
  listSensors();
  update();
}

// described is what the API says of a sensor, asked for by name when it is on no page
// of the list that was loaded.
async function described(name) {
  if (!known.has(name)) {
    const answer = await ask("v1/sensors", { prefix: name, limit: 1 });
    for (const sensor of answer.sensors) known.set(sensor.sensor_id, sensor);
  }
  return known.get(name);
}

async function update() {
  const mine = ++asked;
  try {
    if (view.series.length === 0 && sensors.length > 0) view.series = [{ sensor: sensors[0].sensor_id, metric: "" }];
    const found = await Promise.all(view.series.map((one) => described(one.sensor)));
    if (mine !== asked) return;
    const missing = view.series.find((one, i) => !found[i]);
    if (view.series.length === 0 || missing) {
      at("title").textContent = missing?.sensor || "No sensor chosen";
      at("found").hidden = true;
      const nothing = at("prefix").value ? "No sensor has a name that begins so." : "No readings yet. Post some to /v1/readings, and they appear here.";
      state("empty", missing ? `There are no readings of ${missing.sensor}.` : nothing);
      return;
    }
    const metrics = view.series.map((one, i) => found[i].metrics.find((m) => m.metric === one.metric) ?? found[i].metrics[0]);
    view.series = view.series.map((one, i) => ({ ...one, metric: metrics[i].metric }));
    showChoice(found);
    // A range ends with the newest reading, however old that is.
    const newest = Math.max(...metrics.map((m) => Date.parse(m.last_timestamp))) + 1000;
    span = view.from < view.to ? [view.from, view.to] : [newest - view.range * 1000, newest];
    const loaded = await Promise.all(view.series.map(load));
    if (mine !== asked) return;
    const failed = loaded.find((one) => one.unmarked);
    state("ready", failed ? `Anomalies are not marked: ${failed.unmarked}` : "");
    draw(at("chart"), loaded, span);
    tell(loaded);
  } catch (error) {
    if (mine === asked) fail(error);
  }
}

// load asks for what is drawn of one series.
async function load(one, color) {
  const series = { sensor_id: one.sensor, metric: one.metric, from: new Date(span[0]).toISOString(), to: new Date(span[1]).toISOString() };
  const width = Math.max(1, Math.ceil((span[1] - span[0]) / 1000 / steps));
  const [readings, anomalies] = await Promise.all([
    ask("v1/buckets", { ...series, bucket: `${width}s` }),
    ask("v1/anomalies", series).catch((error) => ({ anomalies: [], unmarked: error.message })),
  ]);
  return { ...one, color, buckets: readings.buckets, anomalies: anomalies.anomalies, unmarked: anomalies.unmarked };
}

// tell says in words and in a table what is drawn.
function tell(loaded) {
  const points = loaded.reduce((sum, one) => sum + one.buckets.length, 0);
  const anomalies = loaded.flatMap((one) => one.anomalies.map((a) => ({ ...a, of: one })));
  at("chart").setAttribute("aria-label", `${loaded.map((one) => `${one.metric} of ${one.sensor}`).join(", ")}: ${points} points, ${anomalies.length} anomalies`);
  at("whole").hidden = !(view.from < view.to);
  at("found").hidden = anomalies.length === 0;
  anomalies.sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
  at("anomalies").replaceChildren(...anomalies.slice(0, 50).map((a) => {
    const item = document.createElement("li");
    const whose = loaded.length > 1 ? `${a.of.sensor} ${a.of.metric}, ` : "";
    item.textContent = `${new Date(a.timestamp).toLocaleString()}: ${whose}${a.value.toPrecision(5)}, ${a.kind.replaceAll("_", " ")}, score ${a.score.toFixed(1)}: ${a.why}`;
    return item;
  }));
  if (at("data").open) showRows(loaded);
  at("data").ontoggle = () => { if (at("data").open) showRows(loaded); };
  at("updated").textContent = `updated ${new Date().toLocaleTimeString()}`;
}

function showRows(loaded) {
  at("rows").replaceChildren(...loaded.flatMap((one) => one.buckets.map((b) => {
    const row = document.createElement("tr");
    const cells = [new Date(b.start).toLocaleString(), `${one.sensor} ${one.metric}`, b.avg.toPrecision(6), b.min.toPrecision(6), b.max.toPrecision(6), b.count];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  })));
}

// showChoice shows whose metrics can be chosen, those of the last series, and the legend.
function showChoice(found) {
  const last = view.series.at(-1);
  at("title").textContent = view.series.length === 1 ? last.sensor : `${view.series.length} series`;
  const names = found.at(-1).metrics.map((m) => m.metric);
  if (at("metric").dataset.names !== JSON.stringify(names)) {
    at("metric").dataset.names = JSON.stringify(names);
    at("metric").replaceChildren(...names.map((name) => new Option(name, name)));
  }
  at("metric").value = last.metric;
  at("range").value = String(view.range);
  for (const button of at("sensors").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(shownSensor(button.dataset.sensor)));
  }
  at("legend").hidden = view.series.length < 2;
  at("legend").replaceChildren(...view.series.map((one, i) => {
    const item = document.createElement("li");
    const swatch = Object.assign(document.createElement("span"), { className: `swatch c${i}` });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Take ${one.metric} of ${one.sensor} away`);
    remove.addEventListener("click", () => change({ series: view.series.filter((_, j) => j !== i) }));
    item.append(swatch, ` ${one.sensor} ${one.metric} `, remove);
    return item;
  }));
}

async function refresh() {
  try {
    if (document.hidden) return;
    known = new Map();
    await loadSensors(false);
    await update();
  } catch (error) {
    fail(error);
  }
}

const show = ([from, to]) => change({ from, to });
const middle = () => (span[0] + span[1]) / 2;

let typing;
at("prefix").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => loadSensors(false).catch(fail), 200);
});
at("more").addEventListener("click", () => loadSensors(true).catch(fail));
at("metric").addEventListener("change", () => change({ series: view.series.with(-1, { ...view.series.at(-1), metric: at("metric").value }) }));
at("range").addEventListener("change", () => change({ range: Number(at("range").value), from: 0, to: 0 }));
at("in").addEventListener("click", () => show(zoom(span, 0.5, middle())));
at("out").addEventListener("click", () => show(zoom(span, 2, middle())));
at("earlier").addEventListener("click", () => show(pan(span, -0.5)));
at("later").addEventListener("click", () => show(pan(span, 0.5)));
at("whole").addEventListener("click", () => change({ from: 0, to: 0 }));
at("chart").addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };
  const act = {
    "+": () => show(zoom(span, 0.5, pointer(at("chart")) || middle())), "-": () => show(zoom(span, 2, pointer(at("chart")) || middle())),
    0: () => change({ from: 0, to: 0 }),
  }[event.key];
  const step = moves[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey || (!act && step === undefined)) return;
  event.preventDefault();
  if (act) act();
  else if (event.shiftKey && Math.abs(step) === 1) show(pan(span, step * 0.25));
  else at("readout").textContent = point(at("chart"), step);
});

let dragged; // the time at which a drag began
at("chart").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  dragged = timeAt(at("chart"), event.clientX);
  at("chart").setPointerCapture(event.pointerId);
});
at("chart").addEventListener("pointermove", (event) => {
  const time = timeAt(at("chart"), event.clientX);
  at("readout").textContent = point(at("chart"), 0, time);
  if (dragged !== undefined) select(at("chart"), dragged, time);
});
function drop(event) {
  if (dragged === undefined) return;
  const ends = [dragged, timeAt(at("chart"), event.clientX)].sort((a, b) => a - b).map(Math.round);
  dragged = undefined;
  select(at("chart"));
  if (event.type === "pointerup" && ends[1] - ends[0] > (span[1] - span[0]) / 100) show(ends);
}
at("chart").addEventListener("pointerup", drop);
at("chart").addEventListener("pointercancel", drop);

function goBack() {
  view = readView(location.hash, ranges);
  refresh();
}
window.addEventListener("popstate", goBack);
window.addEventListener("resize", () => update());
document.addEventListener("visibilitychange", refresh);
offerThemes(at("theme"));
refresh();
setInterval(refresh, interval);
