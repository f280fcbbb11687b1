package quotas

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sensor-backend/emulator/awsapi"
)

func TestCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		operation, body, want, code string
	}{
		"own":               {"GetServiceQuota", `{"ServiceCode":"lambda","QuotaCode":"L-B99A9384"}`, `"Value":10`, ""},
		"default":           {"GetAWSDefaultServiceQuota", `{"ServiceCode":"lambda","QuotaCode":"L-B99A9384"}`, `"Value":1000`, ""},
		"unknown quota":     {"GetServiceQuota", `{"ServiceCode":"lambda","QuotaCode":"L-0"}`, "", "NoSuchResourceException"},
		"unknown operation": {"ListServices", `{"ServiceCode":"lambda","QuotaCode":"L-B99A9384"}`, "", "UnknownOperationException"},
		"no JSON":           {"GetServiceQuota", `[`, "", "SerializationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := Call(c.operation, []byte(c.body))
			raw, _ := json.Marshal(out)
			if c.code != "" && !awsapi.IsCode(err, c.code) || c.code == "" && (err != nil || !strings.Contains(string(raw), c.want)) {
				t.Errorf("%s, %v", raw, err)
			}
		})
	}
}

func TestServeLambda(t *testing.T) {
	t.Parallel()
	const concurrency = "/2017-10-31/functions/f/concurrency"
	for name, c := range map[string]struct {
		method, path, body string
		serves             bool
		want               string
	}{
		"settings":        {http.MethodGet, "/2016-08-19/account-settings/", "", true, `"ConcurrentExecutions":10`},
		"a reservation":   {http.MethodPut, concurrency, `{"ReservedConcurrentExecutions":5}`, true, "below its minimum value of [10]"},
		"none at all":     {http.MethodPut, concurrency, `{"ReservedConcurrentExecutions":0}`, false, ""},
		"another request": {http.MethodGet, concurrency, "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := httptest.NewRecorder(), httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			if ServeLambda(w, r) != c.serves || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if !c.serves {
				if raw, err := io.ReadAll(r.Body); err != nil || string(raw) != c.body {
					t.Errorf("the body is %q, %v", raw, err)
				}
			}
		})
	}
}
