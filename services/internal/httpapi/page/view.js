// What is shown, as the address behind the # says it, so that a link brings it back.

// mostSeries is how many lines one view has.
export const mostSeries = 6;

// readView reads a view from an address: pairs of sensor and metric, and a range in
// seconds up to the newest reading, or the two ends of a part that was zoomed into.
// What cannot be read is left out.
export function readView(hash, ranges) {
  const address = new URLSearchParams(hash.replace(/^#/, ""));
  const metrics = address.getAll("metric");
  const series = address.getAll("sensor").map((sensor, i) => ({ sensor, metric: metrics[i] ?? "" }))
    .filter((one) => one.sensor !== "").slice(0, mostSeries);
  const view = { series, range: 86400, from: 0, to: 0 };
  const range = Number(address.get("range"));
  if (ranges.includes(range)) view.range = range;
  const from = Date.parse(address.get("from") ?? ""), to = Date.parse(address.get("to") ?? "");
  if (from < to) Object.assign(view, { from, to });
  return view;
}

// writeView is the address of a view.
export function writeView(view) {
  const address = new URLSearchParams();
  for (const one of view.series) {
    address.append("sensor", one.sensor);
    address.append("metric", one.metric);
  }
  address.set("range", String(view.range));
  if (view.from < view.to) {
    address.set("from", new Date(view.from).toISOString());
    address.set("to", new Date(view.to).toISOString());
  }
  return `#${address}`;
}

// shortest is the least span that can be zoomed into, in milliseconds.
const shortest = 10_000;

// zoom makes a span that many times as long, about a point in it.
export function zoom([from, to], factor, about) {
  const length = Math.max(shortest, (to - from) * factor);
  const share = (about - from) / (to - from);
  const start = Math.round(about - share * length);
  return [start, Math.round(start + length)];
}

// pan moves a span by a share of its length.
export function pan([from, to], share) {
  const by = Math.round((to - from) * share);
  return [from + by, to + by];
}
