package report

import (
	"context"
	"encoding/json"
	"fmt"
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
)

// frame shows the page as wide as it is told and notes what it sees. The page itself
// runs no script.
const frame = `<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}</style>
<iframe id="frame" src="/page"></iframe><pre id="seen"></pre>
<script>
const frame = document.getElementById("frame");
frame.width = location.hash.slice(1);
frame.addEventListener("load", () => {
  const page = frame.contentDocument, root = page.scrollingElement;
  const style = frame.contentWindow.getComputedStyle(page.body);
  document.getElementById("seen").textContent = JSON.stringify({
    height: root.scrollHeight, overflow: root.scrollWidth - frame.clientWidth, ground: style.backgroundColor, ink: style.color,
  });
});
</script>`

// look is what the frame saw.
type look struct {
	Height, Overflow int
	Ground, Ink      string
}

// TestPageOnScreens shows the report on a wide screen and on a phone's, light and
// dark: nothing sticks out, and the text stands out from its ground. With
// REPORT_PICTURES it leaves the pictures of docs there.
func TestPageOnScreens(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on PATH: the report is not shown; install Debian's package chromium")
	}
	good, failed := goodDeploy(t), failedDeploy(t)
	for _, c := range []struct {
		name  string
		page  func() ([]byte, error)
		width int
		dark  bool
	}{
		{"report", func() ([]byte, error) { return HTML(good) }, 1000, false},
		{"report-failed", func() ([]byte, error) { return HTML(failed) }, 1000, false},
		{"report-phone", func() ([]byte, error) { return HTML(failed) }, 390, true},
	} {
		page, err := c.page()
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/frame", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(frame)) })
		mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
		server := httptest.NewServer(mux)
		flags := []string{"--blink-settings=preferredColorScheme=1"}
		if c.dark {
			flags[0] = "--blink-settings=preferredColorScheme=0"
		}
		out := chrome(t, chromium, append(flags, "--dump-dom", fmt.Sprintf("%s/frame#%d", server.URL, c.width))...)
		match := regexp.MustCompile(`<pre id="seen">(.*?)</pre>`).FindStringSubmatch(out)
		var seen look
		if match == nil || json.Unmarshal([]byte(html.UnescapeString(match[1])), &seen) != nil {
			t.Fatalf("%s: nothing was seen: %.1000s", c.name, out)
		}
		ground, ink := brightness(t, seen.Ground), brightness(t, seen.Ink)
		if seen.Overflow > 0 || seen.Height < 500 || c.dark != (ground < ink) || max(ground, ink)-min(ground, ink) < 150 {
			t.Errorf("%s: %+v", c.name, seen)
		}
		if dir := os.Getenv("REPORT_PICTURES"); dir != "" {
			// The frame is shown, because a window cannot be as narrow as a phone.
			chrome(t, chromium, append(flags, "--screenshot="+filepath.Join(dir, c.name+".png"),
				fmt.Sprintf("--window-size=%d,%d", c.width, min(seen.Height, 2200)), server.URL+"/page")...)
		}
		server.Close()
	}
}

// brightness is the mean of a colour's parts, 0 to 255.
func brightness(t *testing.T, colour string) int {
	t.Helper()
	var red, green, blue int
	if _, err := fmt.Sscanf(colour, "rgb(%d, %d, %d)", &red, &green, &blue); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	return (red + green + blue) / 3
}

func chrome(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	flags := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000", "--hide-scrollbars",
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
