package elb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers string // one a second: + good, - bad
		news    string // H or U where there is news, . where not
	}{
		{"becomes healthy", "+++++", ".H..."},
		{"good answers are in a row", "+-+-+++", ".....H."},
		{"unhealthy counts once an interval", "---------------", ".........U....U"},
		{"a good answer starts the count again", "----+---------", "..........U..."},
		{"recovers", "----------++", ".........U.H"},
		{"falls ill", "++----------", ".H.......U.."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Unix(1000, 0)
			count := tally{check: HealthCheck{Healthy: 2, Unhealthy: 2}, interval: 5 * time.Second, state: Initial, last: began}
			var news strings.Builder
			for i, answer := range c.answers {
				switch {
				case !count.add(began.Add(time.Duration(i+1)*time.Second), answer == '+'):
					news.WriteByte('.')
				case count.state == Healthy:
					news.WriteByte('H')
				default:
					news.WriteByte('U')
				}
			}
			if news.String() != c.news {
				t.Errorf("%s gave\n%s, want\n%s", c.answers, news.String(), c.news)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		matcher string
		status  int
		want    bool
	}{
		{"200", 200, true},
		{"200", 204, false},
		{"200,204", 204, true},
		{"200-299", 250, true},
		{"200-299", 300, false},
		{"200-204, 301", 301, true},
		{"", 200, false},
		{"a-b,200-c,-", 200, false},
	} {
		if got := Matches(c.matcher, c.status); got != c.want {
			t.Errorf("%q with %d is %v", c.matcher, c.status, got)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("200-299,301", 200, 299, 250)
	f.Add("-,,--", -1, 0, 200)
	f.Fuzz(func(t *testing.T, matcher string, low, high, status int) {
		Matches(matcher, status)
		low, high = max(low, -low), max(high, -high)
		if low < 0 || high < 0 {
			return // the most negative number has no positive
		}
		if got := Matches(fmt.Sprintf("x,%d-%d", low, high), status); got != (low <= status && status <= high) {
			t.Errorf("%d-%d with %d is %v", low, high, status, got)
		}
	})
}

// fakeMoto answers query operations with XML, by action.
type fakeMoto map[string]string

func (f fakeMoto) Form(_ context.Context, service, _ string, values url.Values) ([]byte, error) {
	answer, ok := f[values.Get("Action")]
	if !ok || service != "elasticloadbalancing" {
		return nil, errors.New("no such action")
	}
	return []byte(answer), nil
}

func TestReadHealthCheck(t *testing.T) {
	t.Parallel()
	group := func(members string) string {
		return "<R><DescribeTargetGroupsResult><TargetGroups>" + members + "</TargetGroups></DescribeTargetGroupsResult></R>"
	}
	for _, c := range []struct {
		name, answer string
		want         HealthCheck
		err          string
	}{
		{"full", group(`<member><HealthCheckPath>/readyz</HealthCheckPath><HealthCheckPort>traffic-port</HealthCheckPort>
			<HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds><HealthCheckTimeoutSeconds>3</HealthCheckTimeoutSeconds>
			<HealthyThresholdCount>2</HealthyThresholdCount><UnhealthyThresholdCount>4</UnhealthyThresholdCount>
			<Matcher><HttpCode>200-204</HttpCode></Matcher></member>`),
			HealthCheck{"/readyz", "traffic-port", "200-204", 10 * time.Second, 3 * time.Second, 2, 4}, ""},
		{"defaults", group("<member/>"), HealthCheck{"/", "", "200", 30 * time.Second, 5 * time.Second, 5, 2}, ""},
		{"missing", group(""), HealthCheck{}, "target group arn:aws:x:y:eu-central-1:g does not exist"},
		{"no XML", "<", HealthCheck{}, "read target group arn:aws:x:y:eu-central-1:g"},
		{"an error", "", HealthCheck{}, "no such action"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			moto := fakeMoto{}
			if c.answer != "" {
				moto["DescribeTargetGroups"] = c.answer
			}
			got, err := ReadHealthCheck(t.Context(), moto, "arn:aws:x:y:eu-central-1:g")
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, %v; want %+v, %s", got, err, c.want, c.err)
			}
		})
	}
}

func TestRegionOf(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/0": "eu-central-1", "web": "", "": "",
	} {
		if got := RegionOf(arn); got != want {
			t.Errorf("%q lies in %q, want %q", arn, got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	b := New(fakeMoto{}, 1, nil, nil)
	good := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/never":
			<-r.Context().Done()
		default:
			if r.UserAgent() != "ELB-HealthChecker/2.0" {
				t.Errorf("the user agent is %q", r.UserAgent())
			}
		}
	})
	gone := serve(t, nil)
	_, port, _ := strings.Cut(good, ":")
	for _, c := range []struct {
		name, address string
		check         HealthCheck
		want          string
	}{
		{"good", good, HealthCheck{Path: "/"}, ""},
		{"another port", gone, HealthCheck{Path: "/", Port: port}, ""},
		{"a redirect is an answer", good, HealthCheck{Path: "/moved"}, "Health checks failed with these codes: [302]"},
		{"too slow", good, HealthCheck{Path: "/never"}, "Request timed out"},
		{"nobody there", gone, HealthCheck{Path: "/"}, "Health checks failed: no connection"},
		{"a bad path", good, HealthCheck{Path: ":bad"}, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check.Timeout = 5 * time.Second
			if strings.Contains(c.name, "slow") {
				c.check.Timeout = 50 * time.Millisecond
			}
			got := b.probe(t.Context(), &Target{Address: c.address}, c.check.withDefaults())
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
