package access

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReplay takes a grant away: what was allowed by it would be refused, in AWS's
// words, and the rest would not.
func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allow("ecs:DescribeServices,ecs:RegisterTaskDefinition", "*"))
	k := w.session(t)
	for _, operation := range []string{"DescribeServices", "RegisterTaskDefinition"} {
		if passed, answer := w.do(k.json("ecs", "AmazonEC2ContainerServiceV20141113."+operation, `{"cluster":"c","services":["s"],"family":"f"}`)); !passed {
			t.Fatalf("%s: %s", operation, answer.Body)
		}
	}
	decided, refused, err := w.replay(t.Context())
	if err != nil || decided != 2 || len(refused) != 0 {
		t.Fatalf("decided %d, refused %+v, %v", decided, refused, err)
	}
	w.account.mu.Lock()
	w.account.inline = allow("ecs:DescribeServices", "*")
	w.account.mu.Unlock()
	w.store.forget("iam")
	decided, refused, err = w.replay(t.Context())
	if err != nil || decided != 2 || len(refused) != 1 {
		t.Fatalf("decided %d, refused %+v, %v", decided, refused, err)
	}
	if got := refused[0]; got.Action != "ecs:RegisterTaskDefinition" || !strings.Contains(got.Message, "is not authorized to perform: ecs:RegisterTaskDefinition on resource: ") {
		t.Errorf("%+v", got)
	}
	if entries, _ := w.record.list(); len(entries) != 3 { // with the role that was taken
		t.Errorf("the record has %d entries", len(entries))
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/_emulator/iam/replay", nil))
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"decided":2`) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
