package httpapi_test

import (
	_ "embed"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// axe checks pages for what keeps people out (axe-core 4.14.1, Mozilla Public License
// 2.0, in testdata/axe).
//
//go:embed testdata/axe/axe.min.js
var axe []byte

// stage shows the page in a frame and runs a script beside it, with page as the frame's
// document, sleep to wait and a function to wait until the page is ready. What the
// script returns is what is seen.
const stage = `<!doctype html><meta charset="utf-8"><title>stage</title>
<iframe id="frame" width="WIDTH" height="844"></iframe><pre id="seen"></pre>
<script type="module">
const frame = document.getElementById("frame"), errors = [];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
await new Promise((done) => { frame.addEventListener("load", done, { once: true }); frame.src = "/" + location.hash; });
frame.contentWindow.addEventListener("error", (e) => errors.push(String(e.message)));
const page = frame.contentDocument, win = frame.contentWindow, get = (id) => page.getElementById(id);
const ready = async () => { for (let i = 0; i < 100 && page.body.dataset.state !== "ready"; i++) await sleep(100); await sleep(200); };
const press = (key, more) => get("chart").dispatchEvent(new win.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
let found;
try {
  await ready();
  found = await (async () => { SCRIPT })();
} catch (error) { errors.push(String(error)); }
document.getElementById("seen").textContent = JSON.stringify({ found, errors, wide: page.scrollingElement.scrollWidth - frame.clientWidth });
</script>`

// use runs a script beside the page, in a time zone, and reads what it returns into out.
func use(t *testing.T, api http.Handler, hash, width, script string, out any) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on PATH: the page is not tested; install Debian's package chromium")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stage", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.NewReplacer("WIDTH", width, "SCRIPT", script).Replace(stage)))
	})
	mux.HandleFunc("/axe.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(axe)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { api.ServeHTTP(framed{w}, r) })
	server := httptest.NewServer(mux)
	defer server.Close()
	printed := chrome(t, chromium, "--dump-dom", "--lang=en-US", server.URL+"/stage"+hash)
	match := regexp.MustCompile(`(?s)<pre id="seen">(.*?)</pre>`).FindStringSubmatch(printed)
	seen := struct {
		Found  json.RawMessage
		Errors []string
		Wide   int
	}{}
	if match == nil || json.Unmarshal([]byte(html.UnescapeString(match[1])), &seen) != nil {
		t.Fatalf("nothing was seen: %.2000s", printed)
	}
	if len(seen.Errors) > 0 || seen.Wide > 0 {
		t.Fatalf("errors %q, %d pixels too wide", seen.Errors, seen.Wide)
	}
	if err := json.Unmarshal(seen.Found, out); err != nil {
		t.Fatalf("%v in %s", err, seen.Found)
	}
}

// machine is a view of the sensor that filled has readings of.
const machine = "#sensor=machine+1&metric=temperature&range=172800"

// TestPageKeepsNobodyOut has axe-core look at the page in every theme, on a screen as
// wide as a desk's and a phone's.
func TestPageKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	api, _ := filled(t)
	for _, width := range []string{"1100", "360"} {
		var violations []struct {
			Theme, ID, Help string
			Nodes           []string
		}
		use(t, api, machine, width, `
			await new Promise((done, fail) => { const s = page.createElement("script"); s.src = "/axe.js"; s.onload = done; s.onerror = fail; page.head.append(s); });
			get("data").open = true;
			const all = [];
			for (const theme of ["light", "dark"]) {
				while (page.documentElement.dataset.theme !== theme) get("theme").click();
				await sleep(100);
				const result = await win.axe.run(page, { resultTypes: ["violations"] });
				if (result.passes.length === 0) throw new Error("axe looked at nothing");
				for (const v of result.violations) all.push({ theme, id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 120)) });
			}
			return all;`, &violations)
		for _, v := range violations {
			t.Errorf("%s pixels, %s: %s: %s: %q", width, v.Theme, v.ID, v.Help, v.Nodes)
		}
	}
}

// TestPageZooms drags over a part, zooms and moves by keys, and goes back.
func TestPageZooms(t *testing.T) {
	t.Parallel()
	api, _ := filled(t)
	var seen struct {
		Whole, Dragged, Closer, Later, Back, Reset string
		Button                                     bool
		Readout                                    string
	}
	use(t, api, machine, "1000", `
		const chart = get("chart"), box = chart.getBoundingClientRect(), hash = () => win.location.hash;
		const at = (share) => ({ clientX: box.left + box.width * share, clientY: box.top + 50, pointerId: 1, button: 0, bubbles: true });
		chart.setPointerCapture = () => {};
		const seen = { whole: hash() };
		const drag = async (from, to) => {
			chart.dispatchEvent(new win.PointerEvent("pointerdown", at(from)));
			chart.dispatchEvent(new win.PointerEvent("pointermove", at(to)));
			chart.dispatchEvent(new win.PointerEvent("pointerup", at(to)));
			await ready();
		};
		await drag(0.7, 0.3);
		seen.dragged = hash(); seen.button = !get("whole").hidden; seen.readout = get("readout").textContent;
		press("+"); await ready(); seen.closer = hash();
		press("ArrowRight", { shiftKey: true }); await ready(); seen.later = hash();
		win.history.go(-2); await sleep(500); await ready(); seen.back = hash();
		press("0"); await ready(); seen.reset = hash();
		return seen;`, &seen)
	from, to := ends(t, seen.Dragged)
	if !seen.Button || to-from < 60_000_000 || to-from > 80_000_000 || !strings.Contains(seen.Readout, "average") {
		t.Errorf("a drag over two fifths of two days shows %d ms: %+v", to-from, seen)
	}
	closerFrom, closerTo := ends(t, seen.Closer)
	if half := (to - from) / 2; closerTo-closerFrom < half-2 || closerTo-closerFrom > half+2 || closerFrom < from || closerTo > to {
		t.Errorf("+ shows %s of %s", seen.Closer, seen.Dragged)
	}
	if laterFrom, laterTo := ends(t, seen.Later); laterFrom <= closerFrom || laterTo-laterFrom != closerTo-closerFrom {
		t.Errorf("Shift and an arrow show %s behind %s", seen.Later, seen.Closer)
	}
	if seen.Back != seen.Dragged || strings.Contains(seen.Reset, "from=") {
		t.Errorf("two steps back show %s, want %s; 0 shows %s", seen.Back, seen.Dragged, seen.Reset)
	}
}

// ends are the ends of a view's part, in milliseconds.
func ends(t *testing.T, hash string) (from, to int64) {
	t.Helper()
	match := regexp.MustCompile(`from=([^&]+)&to=([^&]+)`).FindStringSubmatch(strings.ReplaceAll(hash, "%3A", ":"))
	if match == nil {
		t.Fatalf("%s shows no part", hash)
	}
	return millis(t, match[1]), millis(t, match[2])
}

// TestPageShowsSeveralSeries adds a sensor to the view: both are named in the legend,
// the table has both, and what has another metric has a panel of its own.
func TestPageShowsSeveralSeries(t *testing.T) {
	t.Parallel()
	api, _ := filled(t)
	var seen struct {
		Lines, Legend, Names int
		Rows                 []string
		Hash                 string
		After                int
	}
	use(t, api, machine+"&sensor=machine+1&metric=temperature", "1000", `
		get("data").open = true; await sleep(100);
		const seen = {
			lines: page.querySelectorAll(".average").length, legend: page.querySelectorAll("#legend li").length,
			names: page.querySelectorAll(".name").length, hash: win.location.hash,
			rows: [...new Set([...page.querySelectorAll("#rows tr td:nth-child(2)")].map((td) => td.textContent))],
		};
		page.querySelector("#legend button").click(); await ready();
		seen.after = page.querySelectorAll(".average").length;
		return seen;`, &seen)
	if seen.Lines != 2 || seen.Legend != 2 || seen.Names != 1 || !slices.Equal(seen.Rows, []string{"machine 1 temperature"}) || seen.After != 1 {
		t.Errorf("saw %+v", seen)
	}
}

// TestTicks looks at the marks of the axes: round times of the reader's zone, through
// the change of its clock, with the date where it changes; and round values.
func TestTicks(t *testing.T) {
	t.Setenv("TZ", "Europe/Berlin")
	api, _ := filled(t)
	var seen map[string][]string
	use(t, api, machine, "1000", `
		const { timeTicks, valueTicks } = await import("/ticks.js"), { readView, writeView } = await import("/view.js");
		const time = (from, to, most) => timeTicks(Date.parse(from), Date.parse(to), most).map((m) => m.label.replaceAll("\u202f", " "));
		const address = (hash) => [writeView(readView(hash, [3600, 86400]))];
		return {
			hours: time("2026-03-01T20:10:00Z", "2026-03-02T05:00:00Z", 5),
			clock: time("2026-03-28T22:00:00Z", "2026-03-29T10:00:00Z", 5),
			days: time("2026-03-27T10:00:00Z", "2026-03-31T10:00:00Z", 6),
			seconds: time("2026-03-01T12:00:03Z", "2026-03-01T12:00:33Z", 4),
			years: time("2021-06-01T00:00:00Z", "2026-06-01T00:00:00Z", 6),
			values: valueTicks(-0.31, 0.42, 5).map(String), large: valueTicks(12345, 98765, 5).map(String), same: valueTicks(5, 5, 5).map(String),
			view: address("#sensor=a%2Fb&metric=t&sensor=%C3%A9&range=3600&from=2026-01-01T00:00:00.000Z&to=2026-01-02T00:00:00.000Z"),
			wrong: address("#range=17&from=x&to=y&sensor="),
		};`, &seen)
	for name, want := range map[string][]string{
		"hours":   {"Mar 1 10:00 PM", "Mar 2 12:00 AM", "02:00 AM", "04:00 AM", "06:00 AM"},
		"clock":   {"Mar 29 12:00 AM", "03:00 AM", "06:00 AM", "09:00 AM", "12:00 PM"},
		"days":    {"Mar 28", "Mar 29", "Mar 30", "Mar 31"},
		"seconds": {"Mar 1 01:00:10 PM", "01:00:20 PM", "01:00:30 PM"},
		"years":   {"Jan 2022", "Jan 2023", "Jan 2024", "Jan 2025", "Jan 2026"},
		"values":  {"-0.2", "0", "0.2", "0.4"},
		"large":   {"20000", "40000", "60000", "80000"},
		"same":    {"5"},
		"view":    {"#sensor=a%2Fb&metric=t&sensor=%C3%A9&metric=&range=3600&from=2026-01-01T00%3A00%3A00.000Z&to=2026-01-02T00%3A00%3A00.000Z"},
		"wrong":   {"#range=86400"},
	} {
		if !slices.Equal(seen[name], want) {
			t.Errorf("%s: %q, want %q", name, seen[name], want)
		}
	}
}

// millis is a time of a view's address in milliseconds.
func millis(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}
