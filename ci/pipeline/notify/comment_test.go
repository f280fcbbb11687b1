package notify

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"dagger/sensor-backend/pipeline/report"
)

// conversation is a fake of the part of GitHub's API that comments take.
type conversation struct {
	mutex sync.Mutex
	// me is who the token is of; empty for one of GitHub Actions, which is not told.
	me       string
	comments []comment
	calls    []string
	// refuse answers a call that it is true for, with a code, Retry-After and text.
	refuse func(call string, n int) (code int, retryAfter, text string)
}

func (c *conversation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	call := r.Method + " " + r.URL.Path
	c.calls = append(c.calls, call)
	if c.refuse != nil {
		if code, after, text := c.refuse(call, len(c.calls)); code != 0 {
			w.Header().Set("Retry-After", after)
			if after == "" {
				w.Header().Del("Retry-After")
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
			return
		}
	}
	answer := func(value any) { _ = json.NewEncoder(w).Encode(value) }
	var sent struct{ Body string }
	if r.Method != http.MethodGet {
		if json.NewDecoder(r.Body).Decode(&sent) != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	const pull, one = "/repos/ada/sensors/issues/7/comments", "/repos/ada/sensors/issues/comments/"
	switch {
	case call == "GET /user" && c.me != "":
		answer(map[string]string{"login": c.me})
	case call == "GET /user":
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"Resource not accessible by integration"}`)
	case call == "GET "+pull:
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*size, len(c.comments))
		answer(append([]comment{}, c.comments[from:min(from+size, len(c.comments))]...))
	case call == "POST "+pull:
		c.add(c.author(), sent.Body)
		w.WriteHeader(http.StatusCreated)
		answer(c.comments[len(c.comments)-1])
	case r.Method == http.MethodPatch && strings.HasPrefix(r.URL.Path, one):
		for i := range c.comments {
			if fmt.Sprint(c.comments[i].ID) == strings.TrimPrefix(r.URL.Path, one) {
				c.comments[i].Body = sent.Body
				answer(c.comments[i])
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *conversation) author() string {
	if c.me == "" {
		return actionsBot
	}
	return c.me
}

func (c *conversation) add(login, body string) {
	one := comment{ID: int64(len(c.comments) + 1), Body: body}
	one.User.Login = login
	c.comments = append(c.comments, one)
}

// TestPullRequest writes a comment, and another time writes over it: on the second
// page as well, as a person's token and as that of GitHub Actions; never over one of
// somebody else or of another environment.
func TestPullRequest(t *testing.T) {
	t.Parallel()
	r := deployed(t)
	marker := report.CommentMarker(r)
	for _, me := range []string{"", "ada"} {
		talk := &conversation{me: me}
		talk.add("mallory", marker+"not yours")
		talk.add(talk.author(), "<!-- sensor-backend: dev -->\nof another environment")
		talk.add(talk.author(), "quotes "+marker)
		for range 120 {
			talk.add("bob", "talk")
		}
		before := append([]comment{}, talk.comments...)
		to := PullRequest{GitHub: GitHub{Token: token, Repository: "ada/sensors", API: serve(t, talk.ServeHTTP)}, Number: 7}

		what, err := to.Send(t.Context(), r)
		if err != nil || what != "comment 124 written" {
			t.Fatalf("%q, %v", what, err)
		}
		r.By.Actor = "again"
		if what, err = to.Send(t.Context(), r); err != nil || what != "comment 124 updated" {
			t.Fatalf("%q, %v", what, err)
		}
		if len(talk.comments) != 124 || talk.comments[123].Body != report.Comment(r) {
			t.Errorf("%d comments, the last is\n%s", len(talk.comments), talk.comments[len(talk.comments)-1].Body)
		}
		for i, c := range before {
			if talk.comments[i] != c {
				t.Errorf("comment %d became %+v", c.ID, talk.comments[i])
			}
		}
	}
}

func TestPullRequestRefusals(t *testing.T) {
	t.Parallel()
	const list, write = "GET /repos/ada/sensors/issues/7/comments", "POST /repos/ada/sensors/issues/7/comments"
	on := func(which string, code int, after, text string) func(string, int) (int, string, string) {
		return func(call string, _ int) (int, string, string) {
			if call != which {
				return 0, "", ""
			}
			return code, after, text
		}
	}
	tests := []struct {
		name   string
		refuse func(string, int) (int, string, string)
		want   string
	}{
		{"no right", on(write, 403, "", `{"message":"Resource not accessible by integration"}`), "write a comment: it answers 403 Forbidden: Resource not accessible by integration; the token needs the permission pull-requests: write"},
		{"not valid", on(write, 422, "", `{"message":"Validation Failed"}`), "write a comment: it answers 422 Unprocessable Entity: Validation Failed"},
		{"no such pull request", on(list, 404, "", `{"message":"Not Found"}`), "read the comments: it answers 404 Not Found: Not Found; give the number of a pull request"},
		{"bad token", on("GET /user", 401, "", `{"message":"Bad credentials"}`), "ask who the token is of: it answers 401 Unauthorized: Bad credentials"},
		{"limited for long", on(write, 403, "3600", `{"message":"You have exceeded a secondary rate limit"}`), "write a comment: it answers 403 Forbidden and wants no message for 1h0m0s"},
		{"not GitHub", on(list, 200, "", `<html>`), "its answer is no list of them"},
		{"nobody", on("GET /user", 200, "", `{}`), "its answer names nobody"},
		{"no name", on(write, 201, "", `{}`), "its answer does not name it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			talk := &conversation{refuse: tt.refuse}
			to := PullRequest{GitHub: GitHub{Token: token, Repository: "ada/sensors", API: serve(t, talk.ServeHTTP)}, Number: 7}
			results := All(t.Context(), []Sender{to}, deployed(t), Limit)
			if err := results[0].Err; err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(talk.comments) != 0 {
				t.Errorf("comments %+v", talk.comments)
			}
		})
	}
}

// TestSecondaryLimit waits as long as GitHub says, once, where it answers with 403.
func TestSecondaryLimit(t *testing.T) {
	t.Parallel()
	refused := false
	talk := &conversation{refuse: func(call string, _ int) (int, string, string) {
		if refused || !strings.HasPrefix(call, "POST ") {
			return 0, "", ""
		}
		refused = true
		return http.StatusForbidden, "0", `{"message":"You have exceeded a secondary rate limit"}`
	}}
	to := PullRequest{GitHub: GitHub{Token: token, Repository: "ada/sensors", API: serve(t, talk.ServeHTTP)}, Number: 7}
	what, err := to.Send(t.Context(), deployed(t))
	if err != nil || what != "comment 1 written" || !refused {
		t.Errorf("%q, %v", what, err)
	}
}
