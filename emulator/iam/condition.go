package iam

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is one operator with one key and the values that it is compared to.
type condition struct {
	operator operator
	key      string
	values   []operand
}

// operator is a condition operator with what surrounds its name.
type operator struct {
	name     string // without what surrounds it
	compare  func(o *operand, value string, c Context) bool
	negated  bool // true of a value that equals none
	ifExists bool
	set      set
}

// set says how an operator treats a key of several values.
type set int

const (
	single set = iota
	forAll
	forAny
)

// operand is a value of a policy, read as its operator needs it.
type operand struct {
	pattern pattern
	number  float64
	time    time.Time
	prefix  netip.Prefix
	binary  []byte
	flag    bool
}

// kinds of comparison, by the beginning of the operators' names.
type comparison struct {
	negated bool
	read    func(o *operand, text string, variables bool) error
	compare func(o *operand, value string, c Context) bool
}

// comparisonOf finds an operator by its bare name.
func comparisonOf(name string) (comparison, bool) {
	text := func(wild, negated bool, compare func(o *operand, value string, c Context) bool) comparison {
		return comparison{negated: negated, compare: compare, read: func(o *operand, text string, variables bool) (err error) {
			o.pattern, err = compile(text, variables, wild)
			return err
		}}
	}
	number := func(negated bool, holds func(value, of float64) bool) comparison {
		return comparison{negated: negated, read: readNumber, compare: func(o *operand, value string, _ Context) bool {
			n, err := strconv.ParseFloat(value, 64)
			return err == nil && holds(n, o.number)
		}}
	}
	date := func(negated bool, holds func(value, of time.Time) bool) comparison {
		return comparison{negated: negated, read: readDate, compare: func(o *operand, value string, _ Context) bool {
			at, err := parseDate(value)
			return err == nil && holds(at, o.time)
		}}
	}
	switch name {
	case "StringEquals":
		return text(false, false, equal), true
	case "StringNotEquals":
		return text(false, true, equal), true
	case "StringEqualsIgnoreCase":
		return text(false, false, equalFold), true
	case "StringNotEqualsIgnoreCase":
		return text(false, true, equalFold), true
	case "StringLike":
		return text(true, false, like), true
	case "StringNotLike":
		return text(true, true, like), true
	// AWS: "ArnEquals and ArnLike behave identically".
	case "ArnEquals", "ArnLike":
		return text(true, false, arnLike), true
	case "ArnNotEquals", "ArnNotLike":
		return text(true, true, arnLike), true
	case "NumericEquals":
		return number(false, func(v, of float64) bool { return v == of }), true
	case "NumericNotEquals":
		return number(true, func(v, of float64) bool { return v == of }), true
	case "NumericLessThan":
		return number(false, func(v, of float64) bool { return v < of }), true
	case "NumericLessThanEquals":
		return number(false, func(v, of float64) bool { return v <= of }), true
	case "NumericGreaterThan":
		return number(false, func(v, of float64) bool { return v > of }), true
	case "NumericGreaterThanEquals":
		return number(false, func(v, of float64) bool { return v >= of }), true
	case "DateEquals":
		return date(false, time.Time.Equal), true
	case "DateNotEquals":
		return date(true, time.Time.Equal), true
	case "DateLessThan":
		return date(false, time.Time.Before), true
	case "DateLessThanEquals":
		return date(false, func(v, of time.Time) bool { return !v.After(of) }), true
	case "DateGreaterThan":
		return date(false, time.Time.After), true
	case "DateGreaterThanEquals":
		return date(false, func(v, of time.Time) bool { return !v.Before(of) }), true
	case "Bool":
		return comparison{read: readFlag, compare: func(o *operand, value string, _ Context) bool {
			return strings.EqualFold(value, strconv.FormatBool(o.flag))
		}}, true
	case "BinaryEquals":
		return comparison{read: readBinary, compare: func(o *operand, value string, _ Context) bool {
			raw, err := base64.StdEncoding.DecodeString(value)
			return err == nil && string(raw) == string(o.binary)
		}}, true
	case "IpAddress":
		return comparison{read: readPrefix, compare: inPrefix}, true
	case "NotIpAddress":
		return comparison{negated: true, read: readPrefix, compare: inPrefix}, true
	case "Null":
		return comparison{read: readFlag}, true
	}
	return comparison{}, false
}

// newCondition reads an operator with a key and values.
func newCondition(name, key string, texts []string, variables bool) (condition, error) {
	c := condition{key: key, operator: operator{name: name}}
	bare := name
	if rest, found := strings.CutPrefix(bare, "ForAllValues:"); found {
		bare, c.operator.set = rest, forAll
	} else if rest, found := strings.CutPrefix(bare, "ForAnyValue:"); found {
		bare, c.operator.set = rest, forAny
	}
	if rest, found := strings.CutSuffix(bare, "IfExists"); found {
		bare, c.operator.ifExists = rest, true
	}
	kind, known := comparisonOf(bare)
	if !known || bare == "Null" && bare != name {
		return c, fmt.Errorf("the condition operator %q is unknown", name)
	}
	if !KnownKey(key) {
		return c, unknownKey(key)
	}
	if len(texts) == 0 {
		return c, fmt.Errorf("the condition %s of %s has no value", name, key)
	}
	c.operator.name, c.operator.compare, c.operator.negated = bare, kind.compare, kind.negated
	c.values = make([]operand, len(texts))
	for i, text := range texts {
		if err := kind.read(&c.values[i], text, variables); err != nil {
			return c, fmt.Errorf("the condition %s of %s: %w", name, key, err)
		}
	}
	return c, nil
}

// holds says whether the request meets the condition.
func (c *condition) holds(context Context) bool {
	values, present := context.Lookup(c.key)
	present = present && len(values) > 0
	op := c.operator
	if op.name == "Null" {
		for i := range c.values {
			if c.values[i].flag != present {
				return true
			}
		}
		return false
	}
	if !present {
		return op.ifExists || op.set == forAll || op.set == single && op.negated
	}
	switch op.set {
	case forAll:
		for _, value := range values {
			if c.matches(value, context) == op.negated {
				return false
			}
		}
		return true
	case forAny:
		for _, value := range values {
			if c.matches(value, context) != op.negated {
				return true
			}
		}
		return false
	default:
		for _, value := range values {
			if c.matches(value, context) {
				return !op.negated
			}
		}
		return op.negated
	}
}

// matches says whether a value of the request equals one of the policy's.
func (c *condition) matches(value string, context Context) bool {
	for i := range c.values {
		if c.operator.compare(&c.values[i], value, context) {
			return true
		}
	}
	return false
}

func equal(o *operand, value string, c Context) bool {
	expanded, ok := o.pattern.expand(c)
	return ok && expanded == value
}

func equalFold(o *operand, value string, c Context) bool {
	expanded, ok := o.pattern.expand(c)
	return ok && strings.EqualFold(expanded, value)
}

func like(o *operand, value string, c Context) bool { return o.pattern.matches(value, c) }

// arnLike compares each of the six parts of an ARN by itself: a wildcard does
// not reach across a colon, but for the last part.
func arnLike(o *operand, value string, c Context) bool {
	expanded, ok := o.pattern.expand(c)
	if !ok {
		return false
	}
	const parts = 6
	want, have := strings.SplitN(expanded, ":", parts), strings.SplitN(value, ":", parts)
	if len(want) != parts || len(have) != parts {
		return len(want) == 1 && want[0] == string(rune(anyText)) && len(have) == parts
	}
	for i := range want {
		if !glob(want[i], have[i]) {
			return false
		}
	}
	return true
}

func inPrefix(o *operand, value string, _ Context) bool {
	address, err := netip.ParseAddr(value)
	return err == nil && o.prefix.Contains(address.Unmap())
}

func readNumber(o *operand, text string, _ bool) (err error) {
	if o.number, err = strconv.ParseFloat(text, 64); err != nil {
		return fmt.Errorf("%q is not a number", text)
	}
	return nil
}

func readDate(o *operand, text string, _ bool) (err error) {
	o.time, err = parseDate(text)
	return err
}

// parseDate reads the forms that IAM takes: ISO 8601 with or without a time, and
// seconds since the epoch.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a date: write it like 2026-01-31T00:00:00Z", text)
}

func readFlag(o *operand, text string, _ bool) error {
	switch strings.ToLower(text) {
	case "true":
		o.flag = true
	case "false":
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

func readBinary(o *operand, text string, _ bool) (err error) {
	if o.binary, err = base64.StdEncoding.DecodeString(text); err != nil {
		return fmt.Errorf("%q is not base64", text)
	}
	return nil
}

func readPrefix(o *operand, text string, _ bool) error {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		o.prefix = prefix
		return nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return fmt.Errorf("%q is neither an address nor a range such as 203.0.113.0/24", text)
	}
	o.prefix = netip.PrefixFrom(address, address.BitLen())
	return nil
}
