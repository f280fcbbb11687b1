// The page asks the API as any client does. What is shown is in the address
// behind the #, so that it can be linked to and survives a reload.

import { draw, move } from "./chart.js";

const interval = 10_000; // between two updates, in milliseconds
const steps = 300; // of the chart, at most

const at = (id) => document.getElementById(id);
const shown = { sensor: "", metric: "", range: 86400 };
let sensors = [];
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
  cursor = answer.next_cursor ?? "";
  at("more").hidden = !cursor;
  listSensors();
}

function listSensors() {
  const focused = document.activeElement?.dataset?.sensor;
  at("sensors").replaceChildren(...sensors.map((sensor) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sensor.sensor_id;
    button.dataset.sensor = sensor.sensor_id;
    button.setAttribute("aria-current", String(sensor.sensor_id === shown.sensor));
    button.addEventListener("click", () => choose({ sensor: sensor.sensor_id, metric: "" }));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  if (focused) [...at("sensors").querySelectorAll("button")].find((b) => b.dataset.sensor === focused)?.focus();
}

function choose(change) {
  Object.assign(shown, change);
  history.replaceState(null, "", `#${new URLSearchParams(shown)}`);
  state("loading", "Loading…");
  listSensors();
  update();
}

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  shown.sensor = address.get("sensor") ?? "";
  shown.metric = address.get("metric") ?? "";
  const range = address.get("range");
  if ([...at("range").options].some((option) => option.value === range)) shown.range = Number(range);
  at("range").value = String(shown.range);
}

// known returns the chosen sensor, asked for by name when it is on no page
// that was loaded.
async function known() {
  const loaded = sensors.find((sensor) => sensor.sensor_id === shown.sensor);
  if (loaded || !shown.sensor) return loaded ?? sensors[0];
  const answer = await ask("v1/sensors", { prefix: shown.sensor, limit: 1 });
  return answer.sensors.find((sensor) => sensor.sensor_id === shown.sensor);
}

async function update() {
  const mine = ++asked;
  try {
    const sensor = await known();
    if (mine !== asked) return;
    if (!sensor) {
      at("title").textContent = shown.sensor || "No sensor chosen";
      at("found").hidden = true;
      const nothing = at("prefix").value ? "No sensor has a name that begins so." : "No readings yet. Post some to /v1/readings, and they appear here.";
      state("empty", shown.sensor ? `There are no readings of ${shown.sensor}.` : nothing);
      return;
    }
    shown.sensor = sensor.sensor_id;
    const metric = sensor.metrics.find((m) => m.metric === shown.metric) ?? sensor.metrics[0];
    shown.metric = metric.metric;
    showChoice(sensor);
    // The range ends with the newest reading, however old that is.
    const to = new Date(metric.last_timestamp).getTime() + 1000;
    const series = {
      sensor_id: shown.sensor, metric: shown.metric,
      from: new Date(to - shown.range * 1000).toISOString(), to: new Date(to).toISOString(),
    };
    const width = Math.max(1, Math.ceil(shown.range / steps));
    const [readings, anomalies] = await Promise.all([
      ask("v1/buckets", { ...series, bucket: `${width}s` }),
      ask("v1/anomalies", series).catch((error) => ({ anomalies: [], missing: error.message })),
    ]);
    if (mine !== asked) return;
    state("ready", anomalies.missing ? `Anomalies are not marked: ${anomalies.missing}` : "");
    draw(at("chart"), readings.buckets, anomalies.anomalies, [to - shown.range * 1000, to]);
    at("chart").setAttribute("aria-label", `${shown.metric} of ${shown.sensor}, ${readings.buckets.length} points, ${anomalies.anomalies.length} anomalies; arrow keys read the points`);
    showAnomalies(anomalies.anomalies);
    at("updated").textContent = `updated ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    if (mine === asked) fail(error);
  }
}

function showChoice(sensor) {
  at("title").textContent = sensor.sensor_id;
  const names = sensor.metrics.map((m) => m.metric);
  if (at("metric").dataset.names !== names.join()) {
    at("metric").dataset.names = names.join();
    at("metric").replaceChildren(...names.map((name) => new Option(name, name)));
  }
  at("metric").value = shown.metric;
  for (const button of at("sensors").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.sensor === shown.sensor));
  }
}

function showAnomalies(anomalies) {
  at("found").hidden = anomalies.length === 0;
  at("anomalies").replaceChildren(...anomalies.slice(-50).reverse().map((a) => {
    const item = document.createElement("li");
    item.textContent = `${new Date(a.timestamp).toLocaleString()}: ${a.value.toPrecision(5)}, ${a.kind.replaceAll("_", " ")}, score ${a.score.toFixed(1)}: ${a.why}`;
    return item;
  }));
}

async function refresh() {
  try {
    if (document.hidden) return;
    await loadSensors(false);
    await update();
  } catch (error) {
    fail(error);
  }
}

let typing;
at("prefix").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => loadSensors(false).catch(fail), 200);
});
at("more").addEventListener("click", () => loadSensors(true).catch(fail));
at("metric").addEventListener("change", () => choose({ metric: at("metric").value }));
at("range").addEventListener("change", () => choose({ range: Number(at("range").value) }));
at("chart").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  at("readout").textContent = move(at("chart"), step);
});
at("chart").addEventListener("pointermove", (event) => {
  const box = at("chart").getBoundingClientRect();
  at("readout").textContent = move(at("chart"), 0, (event.clientX - box.left) / box.width);
});
window.addEventListener("hashchange", () => { readAddress(); refresh(); });
window.addEventListener("resize", () => update());
document.addEventListener("visibilitychange", refresh);
readAddress();
refresh();
setInterval(refresh, interval);
