package httpapi_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/warehouse"
)

// seen is what the harness saw of the page.
type seen struct {
	State     string
	Message   string
	Sensors   int
	Points    int
	Anomalies int
	Listed    int
	Readout   string // behind a press of an arrow key
	Overflow  int    // pixels that stick out sideways
	Updates   int    // requests for buckets until the end
	Errors    []string
}

// harness shows the page in a frame as narrow as a phone, uses its keyboard,
// and writes down what it sees.
const harness = `<!doctype html><meta charset="utf-8">
<iframe id="frame" width="390" height="844"></iframe><pre id="seen"></pre>
<script>
const errors = [];
const frame = document.getElementById("frame");
frame.addEventListener("load", () => frame.contentWindow.addEventListener("error", (e) => errors.push(String(e.message))));
frame.src = "/" + location.hash;
function look() {
  const page = frame.contentDocument, all = (query) => page.querySelectorAll(query).length;
  const chart = page.getElementById("chart");
  if (chart) chart.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
  document.getElementById("seen").textContent = JSON.stringify({
    state: page.body.dataset.state, message: page.getElementById("message").textContent,
    sensors: all("#sensors button"), points: (page.querySelector(".average")?.getAttribute("points") ?? "").split(" ").filter(Boolean).length,
    anomalies: all(".anomaly"), listed: all("#anomalies li"), readout: page.getElementById("readout").textContent,
    overflow: page.scrollingElement.scrollWidth - frame.clientWidth,
    updates: frame.contentWindow.performance.getEntriesByType("resource").filter((r) => r.name.includes("/v1/buckets")).length, errors,
  });
}
setTimeout(look, 25000);
</script>`

// browse lets headless Chromium run the harness for as long as its clock says
// half a minute, which takes it a moment.
func browse(t *testing.T, api http.Handler, hash string) seen {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on PATH: the page is not tested; install Debian's package chromium")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/harness", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(harness)) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { api.ServeHTTP(framed{w}, r) })
	server := httptest.NewServer(mux)
	defer server.Close()
	out := chrome(t, chromium, "--dump-dom", server.URL+"/harness"+hash)
	match := regexp.MustCompile(`<pre id="seen">(.*?)</pre>`).FindStringSubmatch(out)
	var s seen
	if match == nil || json.Unmarshal([]byte(html.UnescapeString(match[1])), &s) != nil {
		t.Fatalf("the harness saw nothing: %.2000s", out)
	}
	if len(s.Errors) > 0 || s.Overflow > 0 {
		t.Errorf("errors %q, %d pixels too wide", s.Errors, s.Overflow)
	}
	return s
}

func chrome(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	flags := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=30000", "--window-size=1100,800", "--hide-scrollbars",
	}
	command := exec.CommandContext(ctx, program, append(flags, args...)...)
	var log strings.Builder
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("chromium: %v: %.2000s", err, log.String())
	}
	return string(out)
}

// framed lets the harness show the page in a frame, which the page forbids.
type framed struct{ http.ResponseWriter }

func (f framed) WriteHeader(status int) {
	f.Header().Del("X-Frame-Options")
	f.ResponseWriter.WriteHeader(status)
}

func (f framed) Unwrap() http.ResponseWriter { return f.ResponseWriter }

func TestPageShowsReadings(t *testing.T) {
	t.Parallel()
	api, labels := filled(t)
	s := browse(t, api, "#sensor=machine+1&metric=temperature&range=604800")
	if s.State != "ready" || s.Sensors != 1 || s.Points < 50 || s.Anomalies < len(labels)-1 || s.Listed != s.Anomalies {
		t.Errorf("saw %+v, want about %d anomalies", s, len(labels))
	}
	if !strings.Contains(s.Readout, "average") {
		t.Errorf("the arrow key read %q", s.Readout)
	}
	if s.Updates < 2 {
		t.Errorf("%d updates, want the page to update by itself", s.Updates)
	}
}

// TestPagePictures writes pictures of the page into the directory that PAGE_PICTURES
// names: PAGE_PICTURES=$PWD/docs go test -run TestPagePictures ./internal/httpapi.
func TestPagePictures(t *testing.T) {
	dir := os.Getenv("PAGE_PICTURES")
	if dir == "" {
		t.Skip("PAGE_PICTURES names no directory for pictures")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	api, _ := filled(t)
	server := httptest.NewServer(api)
	defer server.Close()
	// Chromium's blink::mojom::PreferredColorScheme: 0 is dark, 1 light.
	for name, args := range map[string][]string{
		"page":       {"--blink-settings=preferredColorScheme=1", "--window-size=1100,800"},
		"page-dark":  {"--blink-settings=preferredColorScheme=0", "--window-size=1100,800"},
		"page-phone": {"--blink-settings=preferredColorScheme=1", "--window-size=500,1000"},
	} {
		chrome(t, chromium, append(args, "--screenshot="+filepath.Join(dir, name+".png"), server.URL+"/"+machine)...)
	}
}

func TestPageSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		warehouse *fakeWarehouse
		hash      string
		state     string
		message   string
	}{
		"empty":   {&fakeWarehouse{}, "", "empty", "No readings yet"},
		"unknown": {&fakeWarehouse{}, "#sensor=boiler", "empty", "no readings of boiler"},
		"error":   {&fakeWarehouse{err: warehouse.ErrUnavailable}, "", "error", "the warehouse is not available now"},
	}
	for name, test := range tests {
		s := browse(t, newAPI(httpapi.Config{Warehouse: test.warehouse}), test.hash)
		if s.State != test.state || !strings.Contains(s.Message, test.message) {
			t.Errorf("%s: saw %+v, want state %s and %q", name, s, test.state, test.message)
		}
	}
}
