package ecs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sensor-backend/emulator/ecs/scheduler"
)

func members(t testing.TB, body string) map[string]json.RawMessage {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMerge(t *testing.T) {
	t.Parallel()
	created, _, err := settings{}.merge(members(t, createWeb))
	if err != nil {
		t.Fatal(err)
	}
	if len(created.LoadBalancers) != 1 || created.LoadBalancers[0].Port != 8080 || created.grace() != 60 || !created.isFargate() {
		t.Errorf("created are %+v", created)
	}
	for _, c := range []struct {
		update string
		deploy bool
	}{
		{`{}`, false},
		{`{"desiredCount":5,"cluster":"main"}`, false},
		{`{"deploymentConfiguration":{"maximumPercent":150}}`, false},
		{`{"healthCheckGracePeriodSeconds":5,"propagateTags":"SERVICE","enableExecuteCommand":true,"capacityProviderStrategy":[{"capacityProvider":"FARGATE"}]}`, false},
		{`{"loadBalancers":[{"containerName":"api","containerPort":8080,"targetGroupArn":"group"}]}`, false},
		{`{"loadBalancers":null}`, false},
		{`{"loadBalancers":[]}`, true},
		{`{"serviceRegistries":[]}`, false},
		{`{"platformVersion":"LATEST"}`, false},
		{`{"platformVersion":"1.3.0"}`, true},
		{`{"networkConfiguration":{"awsvpcConfiguration":{"subnets":["a"]}}}`, true},
		{`{"serviceConnectConfiguration":{"enabled":true}}`, true},
	} {
		merged, deploy, err := created.merge(members(t, c.update))
		if err != nil || deploy != c.deploy {
			t.Errorf("%s makes a deployment: %v, %v; want %v", c.update, deploy, err, c.deploy)
		}
		if string(created.Raw["loadBalancers"]) == "[]" || len(merged.Raw) < len(created.Raw) {
			t.Errorf("%s changed what was there", c.update)
		}
	}
	for _, update := range []string{
		`{"deploymentConfiguration":3}`, `{"loadBalancers":{}}`, `{"healthCheckGracePeriodSeconds":"long"}`, `{"deploymentConfiguration":{"maximumPercent":"x"}}`,
	} {
		if _, _, err := created.merge(members(t, update)); err == nil || !strings.HasPrefix(err.Error(), "InvalidParameterException: ") {
			t.Errorf("%s: %v", update, err)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	roll := scheduler.NewService("web", func(string) string { return "" })
	config, _, err := settings{}.merge(members(t, `{"deploymentConfiguration":{"minimumHealthyPercent":50,"maximumPercent":150,
		"deploymentCircuitBreaker":{"enable":true,"rollback":true,"resetOnHealthyTask":false,"thresholdConfiguration":{"type":"COUNT","value":7}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	config.apply(roll, time.Minute)
	want := scheduler.Breaker{Enable: true, Rollback: true, KeepCount: true, ThresholdType: "COUNT", ThresholdValue: 7}
	if roll.MinHealthy != 50 || roll.Maximum != 150 || roll.Breaker != want {
		t.Errorf("the service has %d %d %+v", roll.MinHealthy, roll.Maximum, roll.Breaker)
	}
	settings{}.apply(roll, time.Minute)
	if roll.MinHealthy != 100 || roll.Maximum != 200 || roll.Breaker != (scheduler.Breaker{}) {
		t.Errorf("by default the service has %d %d %+v", roll.MinHealthy, roll.Maximum, roll.Breaker)
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	config, _, err := settings{}.merge(members(t, createWeb))
	if err != nil {
		t.Fatal(err)
	}
	record := map[string]any{"schedulingStrategy": "kept", "deploymentConfiguration": map[string]any{"maximumPercent": 3}}
	if err := config.overlay(record); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(record["deploymentConfiguration"])
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"bakeTimeInMinutes":0,"deploymentCircuitBreaker":{"enable":true,"rollback":true},"maximumPercent":200,"minimumHealthyPercent":100,"strategy":"ROLLING"}`; string(raw) != want {
		t.Errorf("the configuration is %s, want %s", raw, want)
	}
	for name, want := range map[string]any{
		"schedulingStrategy": "kept", "propagateTags": "NONE", "platformVersion": "LATEST", "platformFamily": "Linux",
		"launchType": "FARGATE", "healthCheckGracePeriodSeconds": 60.0,
	} {
		if record[name] != want {
			t.Errorf("%s is %v, want %v", name, record[name], want)
		}
	}
	config, _, err = config.merge(members(t, `{"capacityProviderStrategy":[{"capacityProvider":"FARGATE_SPOT"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := config.overlay(record); err != nil || record["launchType"] != nil {
		t.Errorf("with capacity providers the launch type is %v, %v", record["launchType"], err)
	}
}

func TestSameJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, ` {"b": [2], "a": 1} `, true}, {`[1,2]`, `[2,1]`, false}, {``, `[]`, true}, {`null`, ``, true},
		{``, `"LATEST"`, true}, {``, `""`, false}, {`{`, `{`, true}, {`{`, `[`, false},
	} {
		if got := sameJSON(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.want {
			t.Errorf("%q and %q are the same: %v", c.a, c.b, got)
		}
	}
}
