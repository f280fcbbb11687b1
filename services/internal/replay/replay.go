// Package replay sends what people really send to a running API, and to the
// readers of files and events, and says of each whether the answer is right.
// Start with Run; the cases are in cases.go, load.go and files.go.
package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Options say what is tried.
type Options struct {
	Address string // of the API, such as http://localhost:8080
	Key     string // that may write; empty where everybody may
	// Load tries what fills an API as well: hundreds of requests at a time.
	Load bool
}

// trial is one thing that was sent, and how the answer is judged.
type trial struct {
	name string
	do   func(ctx context.Context, a *api) error
}

// Run tries everything, writes a line for each, and returns how many were wrong.
func Run(ctx context.Context, out io.Writer, o Options) (wrong int, err error) {
	a := &api{options: o, sensor: "replay-" + strings.ToLower(rand.Text()[:10]), now: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
	if _, err := a.get(ctx, "/healthz"); err != nil {
		return 0, fmt.Errorf("ask the API at %s: %w", o.Address, err)
	}
	trials := append(files(), requests()...)
	if o.Load {
		trials = append(trials, loads()...)
	}
	for _, t := range trials {
		verdict := "right"
		if err := t.do(ctx, a); err != nil {
			wrong++
			verdict = "wrong"
			t.name += ": " + err.Error()
		}
		if _, err := fmt.Fprintf(out, "%s  %s\n", verdict, t.name); err != nil {
			return wrong, err
		}
	}
	_, err = fmt.Fprintf(out, "%d of %d right\n", len(trials)-wrong, len(trials))
	return wrong, err
}

// api is the one that is tried.
type api struct {
	options Options
	sensor  string // of this run alone
	now     time.Time
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// is an error unless the answer has the status, and its body the text.
func (a answer) is(status int, text string) error {
	const longest = 300
	if a.status != status || !strings.Contains(a.body, text) {
		return fmt.Errorf("answered %d %.*s, want %d with %q", a.status, longest, strings.TrimSpace(a.body), status, text)
	}
	return nil
}

// reading writes one reading of this run, a second apart from the others.
func (a *api) reading(sensor string, second int, value string) string {
	return fmt.Sprintf(`{"sensor_id":%q,"metric":"temperature","timestamp":%q,"value":%s}`, sensor,
		a.now.Add(time.Duration(second)*time.Second).Format(time.RFC3339), value)
}

func (a *api) get(ctx context.Context, path string) (answer, error) {
	return a.send(ctx, http.MethodGet, path, nil, nil)
}

func (a *api) post(ctx context.Context, body string, header map[string]string) (answer, error) {
	return a.send(ctx, http.MethodPost, "/v1/readings", header, []byte(body))
}

func (a *api) send(ctx context.Context, method, path string, header map[string]string, body []byte) (answer, error) {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address, query, _ := strings.Cut(path, "?")
	req, err := http.NewRequestWithContext(ctx, method, a.options.Address+address, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.URL.RawQuery = query // as it is, malformed or not
	if a.options.Key != "" {
		req.Header.Set("Authorization", "Bearer "+a.options.Key)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, err
}

// stored returns the values of a sensor.
func (a *api) stored(ctx context.Context, sensor string) ([]float64, error) {
	got, err := a.get(ctx, "/v1/readings?sensor_id="+sensor+"&limit=1000")
	if err != nil {
		return nil, err
	}
	if err := got.is(http.StatusOK, ""); err != nil {
		return nil, err
	}
	var page struct {
		Readings []struct{ Value float64 }
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil {
		return nil, err
	}
	values := make([]float64, len(page.Readings))
	for i, r := range page.Readings {
		values[i] = r.Value
	}
	return values, nil
}

func pack(content string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, content) // a buffer takes everything
	_ = z.Close()
	return b.String()
}
