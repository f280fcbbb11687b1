package elb

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const apiVersion = "2015-12-01"

// Caller calls a query operation of moto.
type Caller interface {
	Form(ctx context.Context, service, region string, values url.Values) ([]byte, error)
}

// HealthCheck is how a target group tells a good target from a bad one.
type HealthCheck struct {
	Path      string
	Port      string // "traffic-port" or a number
	Matcher   string // such as 200 or 200-299,301
	Interval  time.Duration
	Timeout   time.Duration
	Healthy   int
	Unhealthy int
}

type targetGroupsXML struct {
	Groups []struct {
		Path      string `xml:"HealthCheckPath"`
		Port      string `xml:"HealthCheckPort"`
		Interval  int    `xml:"HealthCheckIntervalSeconds"`
		Timeout   int    `xml:"HealthCheckTimeoutSeconds"`
		Healthy   int    `xml:"HealthyThresholdCount"`
		Unhealthy int    `xml:"UnhealthyThresholdCount"`
		Matcher   string `xml:"Matcher>HttpCode"`
	} `xml:"DescribeTargetGroupsResult>TargetGroups>member"`
}

// ReadHealthCheck reads a target group's health check.
func ReadHealthCheck(ctx context.Context, moto Caller, group string) (HealthCheck, error) {
	raw, err := moto.Form(ctx, "elasticloadbalancing", RegionOf(group), url.Values{
		"Action": {"DescribeTargetGroups"}, "Version": {apiVersion}, "TargetGroupArns.member.1": {group},
	})
	if err != nil {
		return HealthCheck{}, err
	}
	var parsed targetGroupsXML
	if err := xml.Unmarshal(raw, &parsed); err != nil {
		return HealthCheck{}, fmt.Errorf("read target group %s: %w", group, err)
	}
	if len(parsed.Groups) != 1 {
		return HealthCheck{}, fmt.Errorf("target group %s does not exist", group)
	}
	g := parsed.Groups[0]
	check := HealthCheck{
		Path: g.Path, Port: g.Port, Matcher: g.Matcher, Interval: time.Duration(g.Interval) * time.Second,
		Timeout: time.Duration(g.Timeout) * time.Second, Healthy: g.Healthy, Unhealthy: g.Unhealthy,
	}
	return check.withDefaults(), nil
}

func (c HealthCheck) withDefaults() HealthCheck {
	if c.Path == "" {
		c.Path = "/"
	}
	if c.Matcher == "" {
		c.Matcher = "200"
	}
	if c.Interval <= 0 {
		c.Interval = 30 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Healthy <= 0 {
		c.Healthy = 5
	}
	if c.Unhealthy <= 0 {
		c.Unhealthy = 2
	}
	return c
}

// Matches says whether a status is a healthy one by matcher, such as
// "200,204" or "200-299".
func Matches(matcher string, status int) bool {
	for _, part := range strings.Split(matcher, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		high := low
		if isRange {
			if high, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		if status >= low && status <= high {
			return true
		}
	}
	return false
}

// RegionOf reads the region out of an ARN.
func RegionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}
