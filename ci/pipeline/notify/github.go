package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
)

// GitHubAPI is where GitHub's REST API answers.
const GitHubAPI = "https://api.github.com"

// GitHub writes a run down as a deployment of the commit and its status, which
// GitHub shows at the commit and under the repository's environments. In a job
// of GitHub Actions with an environment GitHub does so itself: this is for runs
// elsewhere.
type GitHub struct {
	// Token may write deployments.
	Token string
	// Repository is OWNER/NAME.
	Repository string
	// API is GitHubAPI, or that of a GitHub of one's own: https://HOST/api/v3.
	API string
}

var repositoryForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$`)

// CheckRepository refuses what is not of the form OWNER/NAME.
func CheckRepository(name string) error {
	if len(name) > 150 || !repositoryForm.MatchString(name) {
		return fmt.Errorf("GitHub repository %.60q: give OWNER/NAME", name)
	}
	return nil
}

// Name is the repository's.
func (g GitHub) Name() string { return "GitHub " + g.Repository }

// Send makes the deployment and its status.
func (g GitHub) Send(ctx context.Context, r record.Record) (string, error) {
	deployment, status, ok := report.GitHub(r)
	if !ok {
		return "nothing to send: no account's environment was deployed to", nil
	}
	answer, err := g.post(ctx, "/deployments", deployment)
	if err != nil {
		return "", fmt.Errorf("make a deployment: %w", err)
	}
	var made struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == 0 {
		return "", errors.New("make a deployment: its answer does not name it: is the address that of GitHub's API?")
	}
	if _, err := g.post(ctx, fmt.Sprintf("/deployments/%d/statuses", made.ID), status); err != nil {
		return "", fmt.Errorf("deployment %d is made and has no status: %w", made.ID, err)
	}
	return fmt.Sprintf("deployment %d, %s", made.ID, status.State), nil
}

func (g GitHub) post(ctx context.Context, path string, body any) ([]byte, error) {
	return g.call(ctx, http.MethodPost, "/repos/"+g.Repository+path, body)
}

// call makes one request of GitHub's API.
func (g GitHub) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	return post(ctx, request{
		method: method, address: strings.TrimRight(g.API, "/") + path,
		token: g.Token, accept: "application/vnd.github+json", body: body,
	})
}
