// Package negative sends a deployed API what no honest client sends, and checks
// whether it is refused cleanly: no failure of the server, nothing of its inside
// in the answer, and still in service afterwards. The cases follow the OWASP API
// Security Top 10 (2023) as far as a black box can tell. Start with Run.
package negative

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Report is what was found.
type Report struct {
	// Checked counts the cases.
	Checked int
	// Findings has a line for each case that was not answered as it should be.
	Findings []string
}

// String is the report in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d hostile requests, %d findings", r.Checked, len(r.Findings))
}

// Err is nil if nothing was found, and otherwise lists the findings.
func (r Report) Err() error {
	if len(r.Findings) == 0 {
		return nil
	}
	return fmt.Errorf("the API answers %d of %d hostile requests badly:\n%s", len(r.Findings), r.Checked, strings.Join(r.Findings, "\n"))
}

// perCase bounds one request and its answer.
const perCase = 30 * time.Second

// Run sends every case to the API at the address, such as http://name:8000, one
// after the other. The error is for an API that is not ready before the first
// case; what is found is in the report.
func Run(ctx context.Context, client *http.Client, address string) (Report, error) {
	strict := *client
	strict.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if err := ready(ctx, &strict, address); err != nil {
		return Report{}, fmt.Errorf("the API is not ready for hostile requests: %w", err)
	}
	report := Report{}
	for _, one := range cases() {
		report.Checked++
		if err := one.try(ctx, &strict, address); err != nil {
			report.Findings = append(report.Findings, fmt.Sprintf("%s: %v", one.name, err))
		}
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
	}
	if err := ready(ctx, &strict, address); err != nil {
		report.Findings = append(report.Findings, fmt.Sprintf("after all of them: %v", err))
	}
	return report, nil
}

func ready(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, perCase)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", response.Status)
	}
	return nil
}

// hostile is one request that should get nowhere.
type hostile struct {
	name         string
	method, path string
	header       map[string]string
	body         func() io.Reader
	// harmless allows a success too: the request may be taken for an odd one.
	harmless bool
}

func (h hostile) try(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, perCase)
	defer cancel()
	var body io.Reader
	if h.body != nil {
		body = h.body()
	}
	request, err := http.NewRequestWithContext(ctx, h.method, address+h.path, body)
	if err != nil {
		return err
	}
	for name, value := range h.header {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		// A server may hang up on a body that is too large before it is all sent.
		if h.body != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}
	defer func() { _ = response.Body.Close() }()
	const most = 64 << 10
	answer, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return h.judge(response, string(answer))
}

func (h hostile) judge(response *http.Response, answer string) error {
	status := response.StatusCode
	refused := status >= 400 && status < 500
	// A service that is switched off says so, whatever it is asked.
	off := status == http.StatusNotImplemented || status == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != ""
	if !refused && !off && (!h.harmless || status >= 300) {
		return fmt.Errorf("answers %s", response.Status)
	}
	for _, inside := range insides() {
		if strings.Contains(answer, inside) {
			return fmt.Errorf("the answer shows its inside: %q", inside)
		}
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") && strings.Contains(answer, script) {
		return errors.New("the answer repeats a script as HTML")
	}
	if response.Header.Get("X-Content-Type-Options") != "nosniff" {
		return errors.New("the answer lacks X-Content-Type-Options: nosniff")
	}
	if origin := response.Header.Get("Access-Control-Allow-Origin"); origin == "*" || origin == foreign {
		return fmt.Errorf("the answer lets pages of %s read it", origin)
	}
	return nil
}

// insides are texts of a stack, a database or a file that no answer may show.
func insides() []string {
	return []string{"goroutine ", ".go:", "SQLSTATE", "pgx", "panic:", "root:x:0:0", "postgres://"}
}
