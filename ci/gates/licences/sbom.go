// Package licences reads a bill of materials (CycloneDX JSON, as syft writes it) and
// judges the licences in it.
package licences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

// Bill is what an artefact is made of.
type Bill struct {
	Components []Component
}

// Component is one module or package.
type Component struct {
	// Name and Version are as the package manager writes them.
	Name, Version string
	// Licences are SPDX identifiers or expressions; names where there is no
	// identifier, and none where nothing is known.
	Licences []string
}

// The rules that an objection names.
const (
	// RuleUnknown is for a component whose licence is not known.
	RuleUnknown = "licence-unknown"
	// RuleRefused is for a licence that is not among those allowed.
	RuleRefused = "licence-refused"
)

// Objection is one licence that may not be shipped.
type Objection struct {
	Rule, Message string
}

// Parse reads a bill's JSON. Files, and the artefact itself, are not components.
func Parse(text string) (Bill, error) {
	var doc cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(strings.NewReader(text), cyclonedx.BOMFileFormatJSON).Decode(&doc); err != nil {
		return Bill{}, fmt.Errorf("it is not CycloneDX JSON: %w", err)
	}
	if doc.BOMFormat != cyclonedx.BOMFormat {
		return Bill{}, fmt.Errorf("it is not CycloneDX JSON: bomFormat is %q", doc.BOMFormat)
	}
	var bill Bill
	if doc.Components == nil {
		return bill, nil
	}
	for _, c := range *doc.Components {
		if c.Type == cyclonedx.ComponentTypeFile {
			continue
		}
		bill.Components = append(bill.Components, Component{Name: c.Name, Version: c.Version, Licences: licences(c.Licenses)})
	}
	return bill, nil
}

// unrecognized starts the name that syft gives a licence file whose text it does
// not know: beside a known one it is a notice, alone it says nothing.
const unrecognized = "sha256:"

func licences(all *cyclonedx.Licenses) []string {
	if all == nil {
		return nil
	}
	var names []string
	for _, choice := range *all {
		switch {
		case choice.Expression != "":
			names = append(names, choice.Expression)
		case choice.License != nil && choice.License.ID != "":
			names = append(names, choice.License.ID)
		case choice.License != nil && choice.License.Name != "" && !strings.HasPrefix(choice.License.Name, unrecognized):
			names = append(names, choice.License.Name)
		}
	}
	return names
}

// Permissive lists the licences that ask for no more than their own text to be
// passed on, and the Mozilla licence, which asks for changed files only.
func Permissive() []string {
	return []string{
		"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense", "Zlib",
	}
}

// stdlib is the Go standard library, which syft lists without the licence that
// the Go project gives it (BSD-3-Clause).
const stdlib = "stdlib"

// Judge objects to every component that has a licence which is not allowed, or
// none that is known. Of a choice between licences (OR) one has to be allowed.
// The modules of this repository are its own.
func (b Bill) Judge(allowed []string) []Objection {
	var found []Objection
	for _, c := range b.Components {
		if c.Name == stdlib || strings.HasPrefix(c.Name, "sensor-backend/") {
			continue
		}
		if len(c.Licences) == 0 {
			found = append(found, Objection{RuleUnknown, fmt.Sprintf("%s %s: its licence is not known", c.Name, c.Version)})
		}
		for _, licence := range c.Licences {
			if !permits(licence, allowed) {
				found = append(found, Objection{RuleRefused, fmt.Sprintf("%s %s: %s is not among the allowed licences", c.Name, c.Version, licence)})
			}
		}
	}
	return found
}

// permits evaluates an SPDX expression of OR and AND without parentheses, which
// is what modules carry; anything else has to be allowed as it stands.
func permits(expression string, allowed []string) bool {
	for choice := range strings.SplitSeq(expression, " OR ") {
		every := true
		for part := range strings.SplitSeq(choice, " AND ") {
			every = every && slices.Contains(allowed, strings.TrimSpace(part))
		}
		if every {
			return true
		}
	}
	return false
}
