package elb

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// route is what a load balancer does with a request.
type route struct {
	Name, DNSName, Group string
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

// readRoutes lists what the load balancers of a region forward to.
func readRoutes(ctx context.Context, moto Caller, region string) ([]route, error) {
	raw, err := moto.Form(ctx, "elasticloadbalancing", region, url.Values{"Action": {"DescribeLoadBalancers"}, "Version": {apiVersion}})
	if err != nil {
		return nil, err
	}
	var balancers loadBalancersXML
	if err := xml.Unmarshal(raw, &balancers); err != nil {
		return nil, fmt.Errorf("read the load balancers: %w", err)
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
			return nil, fmt.Errorf("read the listeners of %s: %w", b.Name, err)
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
