// Package elb is the load balancer: it keeps the targets that tasks register,
// checks their health and sends requests to the healthy ones.
package elb

import (
	"context"
	"encoding/xml"
	"errors"
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

// route is what a load balancer does with a request.
type route struct {
	Name, DNSName, Group string
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

type loadBalancersXML struct {
	Balancers []struct {
		ARN     string `xml:"LoadBalancerArn"`
		Name    string `xml:"LoadBalancerName"`
		DNSName string `xml:"DNSName"`
	} `xml:"DescribeLoadBalancersResult>LoadBalancers>member"`
}

type listenersXML struct {
	Listeners []struct {
		Actions []struct {
			Type   string `xml:"Type"`
			Group  string `xml:"TargetGroupArn"`
			Groups []struct {
				ARN    string `xml:"TargetGroupArn"`
				Weight int    `xml:"Weight"`
			} `xml:"ForwardConfig>TargetGroups>member"`
		} `xml:"DefaultActions>member"`
	} `xml:"DescribeListenersResult>Listeners>member"`
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
		return HealthCheck{}, fmt.Errorf("reading target group %s: %w", group, err)
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

// readRoutes lists what the load balancers of a region forward to.
func readRoutes(ctx context.Context, moto Caller, region string) ([]route, error) {
	raw, err := moto.Form(ctx, "elasticloadbalancing", region, url.Values{"Action": {"DescribeLoadBalancers"}, "Version": {apiVersion}})
	if err != nil {
		return nil, err
	}
	var balancers loadBalancersXML
	if err := xml.Unmarshal(raw, &balancers); err != nil {
		return nil, fmt.Errorf("reading the load balancers: %w", err)
	}
	var routes []route
	for _, b := range balancers.Balancers {
		r := route{Name: b.Name, DNSName: b.DNSName}
		raw, err := moto.Form(ctx, "elasticloadbalancing", region, url.Values{
			"Action": {"DescribeListeners"}, "Version": {apiVersion}, "LoadBalancerArn": {b.ARN},
		})
		if err != nil {
			return nil, err
		}
		var listeners listenersXML
		if err := xml.Unmarshal(raw, &listeners); err != nil {
			return nil, fmt.Errorf("reading the listeners of %s: %w", b.Name, err)
		}
		for _, l := range listeners.Listeners {
			for _, a := range l.Actions {
				group := a.Group
				if group == "" && len(a.Groups) > 0 {
					group = a.Groups[0].ARN
				}
				if a.Type == "forward" && group != "" && r.Group == "" {
					r.Group = group
				}
			}
		}
		routes = append(routes, r)
	}
	return routes, nil
}

var errNoBalancer = errors.New("no load balancer has this name")

// choose finds the load balancer for a host: the one of that name, or the one
// that a request by another name can only mean.
func choose(routes []route, host string) (route, error) {
	name, _, _ := strings.Cut(host, ":")
	var usable []route
	for _, r := range routes {
		if strings.EqualFold(r.DNSName, name) {
			return r, nil
		}
		if r.Group != "" {
			usable = append(usable, r)
		}
	}
	if strings.HasSuffix(name, ".elb.amazonaws.com") || len(usable) == 0 {
		return route{}, errNoBalancer
	}
	return usable[0], nil
}
