package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
)

// PullRequest shows a run as a comment on a pull request: one for each environment,
// which the next run writes over.
type PullRequest struct {
	// GitHub is the repository; its token may write on pull requests.
	GitHub
	// Number is the pull request's.
	Number int
}

// Name is the pull request's.
func (p PullRequest) Name() string {
	return fmt.Sprintf("pull request %d of %s", p.Number, p.Repository)
}

// comment is the part of GitHub's answer that matters here.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

// actionsBot is who writes with the token of a job of GitHub Actions, which may not
// ask who it is.
const actionsBot = "github-actions[bot]"

// Send writes the comment, over the one that a run before wrote. A comment of somebody
// else is left alone, whatever stands in it.
func (p PullRequest) Send(ctx context.Context, r record.Record) (string, error) {
	own, err := p.own(ctx, report.CommentMarker(r))
	if err != nil {
		return "", err
	}
	body := map[string]string{"body": report.Comment(r)}
	if own != 0 {
		if _, err := p.call(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/issues/comments/%d", p.Repository, own), body); err != nil {
			return "", fmt.Errorf("update comment %d: %w", own, advised(err))
		}
		return fmt.Sprintf("comment %d updated", own), nil
	}
	answer, err := p.post(ctx, fmt.Sprintf("/issues/%d/comments", p.Number), body)
	if err != nil {
		return "", fmt.Errorf("write a comment: %w", advised(err))
	}
	var made comment
	if err := json.Unmarshal(answer, &made); err != nil || made.ID == 0 {
		return "", errors.New("write a comment: its answer does not name it: is the address that of GitHub's API?")
	}
	return fmt.Sprintf("comment %d written", made.ID), nil
}

// own finds the comment that a run before wrote; 0 if there is none.
func (p PullRequest) own(ctx context.Context, marker string) (int64, error) {
	author, err := p.author(ctx)
	if err != nil {
		return 0, err
	}
	// Two hundred pages are more than GitHub lets a conversation grow to.
	const perPage, most = 100, 200
	for page := 1; page <= most; page++ {
		answer, err := p.call(ctx, http.MethodGet, fmt.Sprintf("/repos/%s/issues/%d/comments?per_page=%d&page=%d", p.Repository, p.Number, perPage, page), nil)
		if err != nil {
			return 0, fmt.Errorf("read the comments: %w", advised(err))
		}
		var all []comment
		if err := json.Unmarshal(answer, &all); err != nil {
			return 0, errors.New("read the comments: its answer is no list of them: is the address that of GitHub's API?")
		}
		for _, c := range all {
			if strings.EqualFold(c.User.Login, author) && strings.HasPrefix(c.Body, marker) {
				return c.ID, nil
			}
		}
		if len(all) < perPage {
			break
		}
	}
	return 0, nil
}

// author is who the token writes as.
func (p PullRequest) author(ctx context.Context) (string, error) {
	answer, err := p.call(ctx, http.MethodGet, "/user", nil)
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && refused.code == http.StatusForbidden:
		return actionsBot, nil
	case err != nil:
		return "", fmt.Errorf("ask who the token is of: %w", err)
	}
	var user struct {
		Login string `json:"login"`
	}
	if err := json.Unmarshal(answer, &user); err != nil || user.Login == "" {
		return "", errors.New("ask who the token is of: its answer names nobody: is the address that of GitHub's API?")
	}
	return user.Login, nil
}

// advised adds to a refusal what may be done about it.
func advised(err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.code {
	case http.StatusForbidden:
		return fmt.Errorf("%w; the token needs the permission pull-requests: write, which a fork's never has", err)
	case http.StatusNotFound:
		return fmt.Errorf("%w; give the number of a pull request of this repository, and a token that may see it", err)
	}
	return err
}
