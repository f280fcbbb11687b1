// Package cost estimates what planned resources cost a month, from a small
// table of prices that is part of the program: nothing is asked of AWS.
package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sensor-backend/plancheck/policy"
)

// hoursPerMonth is the number of hours AWS's own calculator takes for a month.
const hoursPerMonth = 730

//go:embed prices.json
var pricesText []byte

// Prices is the table of prices, in US dollars.
type Prices struct {
	// Date is the day the prices were valid, Source where they are from.
	Date, Source string
	// Region is the region of the prices; Factors say how much dearer others
	// are on the whole.
	Region  string
	Factors map[string]float64 `json:"region_factors"`
	USD     map[string]float64
	// SpotShare is the price of Fargate Spot as a share of on demand.
	SpotShare float64 `json:"fargate_spot_share"`
}

// DefaultPrices returns the table that is part of the program.
func DefaultPrices() (Prices, error) {
	var p Prices
	if err := json.Unmarshal(pricesText, &p); err != nil {
		return p, fmt.Errorf("read the table of prices: %w", err)
	}
	return p, nil
}

// Item is one resource's cost in US dollars a month.
type Item struct {
	Address string
	// Fixed is paid for being there, Usage for the assumed use.
	Fixed, Usage float64
	// Why says how it comes about.
	Why string
}

// Estimate is what a set of resources costs.
type Estimate struct {
	Items []Item
	// Region is where; Factor is what the prices were multiplied by.
	Region string
	Factor float64
	// Unpriced lists the types that were met and have no price here.
	Unpriced []string
	usage    Usage
	prices   Prices
}

// unknownRegion is the factor for a region that the table does not have.
const unknownRegion = 1.25

// Of estimates the cost of resources in a region under the assumed usage.
func Of(resources []policy.Resource, region string, usage Usage, prices Prices) Estimate {
	e := Estimate{Region: region, Factor: prices.Factors[region], usage: usage, prices: prices}
	if e.Factor == 0 {
		e.Factor = unknownRegion
	}
	w := world{
		resources: resources, usage: usage, spotShare: prices.SpotShare,
		usd: func(name string) float64 { return prices.USD[name] * e.Factor },
	}
	for _, r := range resources {
		price, known := pricing(r.Type)
		switch {
		case price != nil:
			item := price(w, r)
			item.Address = r.Address
			e.Items = append(e.Items, item)
		case !known && !slices.Contains(e.Unpriced, r.Type):
			e.Unpriced = append(e.Unpriced, r.Type)
		}
	}
	slices.SortStableFunc(e.Items, func(a, b Item) int {
		if d := (b.Fixed + b.Usage) - (a.Fixed + a.Usage); d > 0 {
			return 1
		} else if d < 0 {
			return -1
		}
		return strings.Compare(a.Address, b.Address)
	})
	slices.Sort(e.Unpriced)
	return e
}

// Fixed and Usage are the sums in US dollars a month.
func (e Estimate) Fixed() float64 { return e.sum(func(i Item) float64 { return i.Fixed }) }

// Usage is the usage-based sum in US dollars a month.
func (e Estimate) Usage() float64 { return e.sum(func(i Item) float64 { return i.Usage }) }

// Total is fixed and usage-based together.
func (e Estimate) Total() float64 { return e.Fixed() + e.Usage() }

func (e Estimate) sum(part func(Item) float64) float64 {
	total := 0.0
	for _, item := range e.Items {
		total += part(item)
	}
	return total
}

// Table is the estimate for a person, dearest first, with its assumptions.
func (e Estimate) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9s %9s  %s\n", "fixed", "by usage", "US dollars a month, "+e.Region)
	rest := Item{}
	for _, item := range e.Items {
		if item.Fixed+item.Usage < 0.05 {
			rest.Fixed, rest.Usage = rest.Fixed+item.Fixed, rest.Usage+item.Usage
			continue
		}
		fmt.Fprintf(&b, "%9.2f %9.2f  %s: %s\n", item.Fixed, item.Usage, item.Address, item.Why)
	}
	fmt.Fprintf(&b, "%9.2f %9.2f  everything under five cents\n", rest.Fixed, rest.Usage)
	fmt.Fprintf(&b, "%9.2f %9.2f  together %.2f\n\nAssumed:\n", e.Fixed(), e.Usage(), e.Total())
	for _, line := range e.usage.Lines() {
		b.WriteString("  " + line + "\n")
	}
	fmt.Fprintf(&b, "  prices of %s, %s, times %.2f for %s\n  %s\n", e.prices.Region, e.prices.Date, e.Factor, e.Region, e.prices.Source)
	if len(e.Unpriced) > 0 {
		fmt.Fprintf(&b, "  not priced: %s\n", strings.Join(e.Unpriced, ", "))
	}
	return b.String()
}
