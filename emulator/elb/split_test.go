package elb

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		blue, green float64
		want        int // of a hundred requests to green
	}{{100, 0, 0}, {80, 20, 20}, {99.5, 0.5, 1}, {50, 50, 50}, {0, 100, 100}} {
		b := newBalancer(t, oneBalancer)
		b.Split(map[string]float64{group: c.blue, "green": c.green})
		for id, group := range map[string]string{"b": group, "g": "green"} {
			b.targets = append(b.targets, &Target{Group: group, ID: id, State: Healthy})
		}
		green := 0
		for range 100 {
			if b.pick(group).ID == "g" {
				green++
			}
		}
		if green < c.want-1 || green > c.want {
			t.Errorf("with %v to %v green gets %d of 100 requests, want %d", c.blue, c.green, green, c.want)
		}
	}
	b := newBalancer(t, oneBalancer)
	b.targets = append(b.targets, &Target{Group: group, State: Healthy})
	b.Split(map[string]float64{group: 0, "green": 100})
	if b.pick(group) != nil {
		t.Error("a share without targets goes to others")
	}
	b.Split(map[string]float64{group: 0, "green": 0})
	if b.pick(group) == nil {
		t.Error("a split without shares is not undone")
	}
}

func TestSplitRequests(t *testing.T) {
	t.Parallel()
	b := newBalancer(t, oneBalancer)
	for _, name := range []string{group, "green"} {
		address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, name) })
		told := make(chan news, 10)
		check := HealthCheck{Healthy: 1, Timeout: 5 * time.Second}
		b.Register(name, name, address, check.withDefaults(), func(state, reason string) { told <- news{state, reason} })
		t.Cleanup(func() { b.Deregister(name, name) })
		wait(t, told, Healthy)
	}
	b.Split(map[string]float64{group: 90, "green": 10})
	answers := map[string]int{}
	for range 20 {
		answers[ask(b, dnsName).Body.String()]++
	}
	if answers[group] != 18 || answers["green"] != 2 {
		t.Errorf("of 20 requests %v were answered", answers)
	}
}
