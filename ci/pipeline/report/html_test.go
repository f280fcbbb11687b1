package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"dagger/sensor-backend/pipeline/record"

	"golang.org/x/net/html"
)

// elements parses a page and returns its elements.
func elements(t *testing.T, page []byte) []*html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func count(all []*html.Node, name string) int {
	n := 0
	for _, e := range all {
		if e.Data == name {
			n++
		}
	}
	return n
}

func TestHTMLIsOnePage(t *testing.T) {
	t.Parallel()
	page, err := HTML(failedDeploy(t))
	if err != nil {
		t.Fatal(err)
	}
	all := elements(t, page)
	ids := map[string]bool{}
	for _, e := range all {
		if id := attribute(e, "id"); id != "" && ids[id] {
			t.Errorf("id %s is there twice", id)
		} else if id != "" {
			ids[id] = true
		}
	}
	for _, e := range all {
		for _, id := range strings.Fields(attribute(e, "aria-labelledby")) {
			if !ids[id] {
				t.Errorf("%s is labelled by %s, which is not there", e.Data, id)
			}
		}
		if slices.Contains([]string{"script", "img", "link", "iframe", "object", "embed", "form", "base"}, e.Data) {
			t.Errorf("the page holds a %s", e.Data)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "style" {
				t.Errorf("the page's %s has %s", e.Data, a.Key)
			}
		}
		if href := attribute(e, "href"); e.Data == "a" && href != "https://ci.example/runs/1?attempt=2" {
			if id, inside := strings.CutPrefix(href, "#"); !inside || !ids[id] {
				t.Errorf("the page leads to %s", href)
			}
		}
		if e.Data == "th" && attribute(e, "scope") == "" {
			t.Error("a table's head has no scope")
		}
	}
	if count(all, "h1") != 1 || count(all, "svg") != 1 || count(all, "table") != 6 {
		t.Errorf("%d h1, %d svg, %d table", count(all, "h1"), count(all, "svg"), count(all, "table"))
	}
	if bars := bytes.Count(page, []byte(`class="track"`)); bars != 7 {
		t.Errorf("%d bars, want one for each stage", bars)
	}
	if bytes.Contains(page, []byte("ZgotmplZ")) {
		t.Error("the template withheld a value")
	}
}

func TestHTMLWithHostileNames(t *testing.T) {
	t.Parallel()
	plainPage, err := HTML(poisoned(t, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	want := len(elements(t, plainPage))
	for _, name := range hostile() {
		page, err := HTML(poisoned(t, name))
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		all := elements(t, page)
		if len(all) != want || count(all, "script")+count(all, "img") != 0 || count(all, "a") != count(elements(t, plainPage), "a") {
			t.Errorf("%q makes %d elements of %d", name, len(all), want)
		}
		if bytes.ContainsAny(page, "\x1b\x07\u202e\u200b") {
			t.Errorf("%q leaves control characters", name)
		}
	}
}

func TestHTMLOfNothing(t *testing.T) {
	t.Parallel()
	page, err := HTML(record.Record{})
	if err != nil || count(elements(t, page), "svg") != 0 {
		t.Errorf("%v\n%s", err, page)
	}
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	got := draw(failedDeploy(t))
	if len(got.Bars) != 7 || len(got.Ticks) < 3 || len(got.Ticks) > 7 {
		t.Fatalf("%d bars, %d ticks", len(got.Bars), len(got.Ticks))
	}
	if b := got.Bars[3]; b.X != got.Bars[4].X || b.Width != "3.91%" {
		t.Errorf("lambda and ecs begin together: %+v, %+v", b, got.Bars[4])
	}
	if b := got.Bars[5]; b.Width != "0%" || b.Detail != "skipped" {
		t.Errorf("a skipped stage has no bar: %+v", b)
	}
	for _, total := range []float64{0.01, 1, 59, 61, 3599, 86400, 300 * 86400} {
		if step := tickStep(total); step <= 0 || total/step > 6 {
			t.Errorf("%v seconds in steps of %v", total, step)
		}
	}
	if tickStep(0) != 0 {
		t.Error("nothing has no steps")
	}
}
