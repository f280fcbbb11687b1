// Package iam decides as AWS's identity and access management does: may this
// principal do this to that resource? It is pure: what there is to know of a
// request comes in, a decision comes out. Start with Evaluate; Parse reads the
// policies, and refuses what it does not know.
package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Kind says what a policy is attached to, and so which elements it may have.
type Kind int

// The kinds of policies.
const (
	// IdentityPolicy is attached to a role, or part of it.
	IdentityPolicy Kind = iota
	// PermissionsBoundary limits what a role's identity policies grant.
	PermissionsBoundary
	// SessionPolicy limits one session of a role.
	SessionPolicy
	// ResourcePolicy is attached to a bucket, key, topic, queue or function.
	ResourcePolicy
	// TrustPolicy says who may take a role.
	TrustPolicy
)

// Policy is a policy that was read.
type Policy struct {
	// Kind is what it was read as.
	Kind Kind
	// Name is what it is told by: an ARN, or the name of an inline policy.
	Name       string
	statements []statement
}

// statement is one statement of a policy.
type statement struct {
	sid        string
	deny       bool
	principals *principals // nil in policies of identities
	actions    list
	resources  list // empty in trust policies
	conditions []condition
}

// list is what Action, NotAction, Resource or NotResource holds.
type list struct {
	patterns []pattern
	not      bool
}

// has says whether text is in the list, or with Not… is not.
func (l *list) has(text string, c Context) bool {
	for i := range l.patterns {
		if l.patterns[i].matches(text, c) {
			return !l.not
		}
	}
	return l.not
}

// Parse reads a policy document. Name says in errors which one it is. An
// element, operator, condition key or value that is unknown is an error.
func Parse(kind Kind, name string, document []byte) (Policy, error) {
	p := Policy{Kind: kind, Name: name}
	if err := p.read(document); err != nil {
		return Policy{}, fmt.Errorf("read the policy %s: %w", name, err)
	}
	return p, nil
}

func (p *Policy) read(document []byte) error {
	members, err := object(document)
	if err != nil {
		return err
	}
	version := "2008-10-17"
	var statements json.RawMessage
	for _, m := range members {
		switch m.name {
		case "Version":
			if version, err = text(m.value); err != nil {
				return fmt.Errorf("version: %w", err)
			}
			if version != "2012-10-17" && version != "2008-10-17" {
				return fmt.Errorf("the version %q is neither 2012-10-17 nor 2008-10-17", version)
			}
		case "Id":
			if _, err := text(m.value); err != nil {
				return fmt.Errorf("id: %w", err)
			}
		case "Statement":
			statements = m.value
		default:
			return fmt.Errorf("the element %q is unknown", m.name)
		}
	}
	if statements == nil {
		return errors.New("it has no Statement")
	}
	raw, err := oneOrMore(statements)
	if err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	for i, one := range raw {
		s, err := p.readStatement(one, version == "2012-10-17")
		if err != nil {
			return fmt.Errorf("statement %d %s: %w", i+1, s.sid, err)
		}
		if s.sid == "" {
			s.sid = fmt.Sprintf("statement %d", i+1)
		}
		p.statements = append(p.statements, s)
	}
	return nil
}

func (p *Policy) readStatement(raw json.RawMessage, variables bool) (s statement, err error) {
	members, err := object(raw)
	if err != nil {
		return s, err
	}
	seen := map[string]bool{}
	for _, m := range members {
		seen[m.name] = true
		switch m.name {
		case "Sid":
			s.sid, err = text(m.value)
		case "Effect":
			var effect string
			if effect, err = text(m.value); err == nil && effect != "Allow" && effect != "Deny" {
				err = fmt.Errorf("%q is neither Allow nor Deny", effect)
			}
			s.deny = effect == "Deny"
		case "Principal", "NotPrincipal":
			s.principals, err = readPrincipals(m.value, m.name == "NotPrincipal")
		case "Action", "NotAction":
			s.actions, err = readActions(m.value, m.name == "NotAction")
		case "Resource", "NotResource":
			s.resources, err = readResources(m.value, m.name == "NotResource", variables)
		case "Condition":
			s.conditions, err = readConditions(m.value, variables)
		default:
			err = errors.New("it is unknown")
		}
		if err != nil {
			return s, fmt.Errorf("the element %s: %w", m.name, err)
		}
	}
	return s, p.complete(seen, s)
}

// complete says what a statement lacks or has too much.
func (p *Policy) complete(seen map[string]bool, s statement) error {
	named := p.Kind == ResourcePolicy || p.Kind == TrustPolicy
	exactlyOne := func(a, b string) error {
		switch {
		case seen[a] && seen[b]:
			return fmt.Errorf("it has both %s and %s", a, b)
		case !seen[a] && !seen[b]:
			return fmt.Errorf("it has neither %s nor %s", a, b)
		}
		return nil
	}
	switch {
	case !seen["Effect"]:
		return errors.New("it has no Effect")
	case !named && s.principals != nil:
		return errors.New("only the policy of a resource or a role's trust policy has a Principal")
	case p.Kind == TrustPolicy && (seen["Resource"] || seen["NotResource"]):
		return errors.New("a trust policy has no Resource")
	case seen["NotPrincipal"] && !s.deny:
		return errors.New("NotPrincipal with Allow lets everyone in but those it names")
	}
	if err := exactlyOne("Action", "NotAction"); err != nil {
		return err
	}
	if p.Kind != TrustPolicy {
		if err := exactlyOne("Resource", "NotResource"); err != nil {
			return err
		}
	}
	if named {
		return exactlyOne("Principal", "NotPrincipal")
	}
	return nil
}

var actionForm = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)

func readActions(raw json.RawMessage, not bool) (list, error) {
	l := list{not: not}
	texts, err := texts(raw)
	if err != nil {
		return l, err
	}
	for _, action := range texts {
		if !actionForm.MatchString(action) {
			return l, fmt.Errorf("%q is not an action: write it like s3:GetObject or s3:Get*", action)
		}
		// Actions are compared without regard to case.
		p, err := compile(strings.ToLower(action), false, true)
		if err != nil {
			return l, err
		}
		p.text = action
		l.patterns = append(l.patterns, p)
	}
	return l, nil
}

func readResources(raw json.RawMessage, not, variables bool) (list, error) {
	l := list{not: not}
	texts, err := texts(raw)
	if err != nil {
		return l, err
	}
	const parts = 6
	for _, resource := range texts {
		if resource != "*" && (!strings.HasPrefix(resource, "arn:") || len(strings.SplitN(resource, ":", parts)) < parts && !strings.ContainsAny(resource, "*")) {
			return l, fmt.Errorf("%q is not an ARN, and not *", resource)
		}
		p, err := compile(resource, variables, true)
		if err != nil {
			return l, err
		}
		l.patterns = append(l.patterns, p)
	}
	return l, nil
}

func readConditions(raw json.RawMessage, variables bool) ([]condition, error) {
	operators, err := object(raw)
	if err != nil {
		return nil, err
	}
	var all []condition
	for _, operator := range operators {
		keys, err := object(operator.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", operator.name, err)
		}
		for _, key := range keys {
			values, err := scalars(key.value)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", operator.name, key.name, err)
			}
			c, err := newCondition(operator.name, key.name, values, variables)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// member is a member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// object reads the members of a JSON object in their order; a name that comes
// twice is an error, where encoding/json would keep the last.
func object(raw []byte) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	open, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("it is not an object")
	}
	var members []member
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		m := member{name: fmt.Sprint(token)}
		if err := decoder.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		if seen[m.name] {
			return nil, fmt.Errorf("it has %s twice", m.name)
		}
		seen[m.name] = true
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	return members, nil
}

// oneOrMore reads a value, or a list of such.
func oneOrMore(raw json.RawMessage) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, errors.New("the list is empty")
	}
	return values, nil
}

func text(raw json.RawMessage) (string, error) {
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) == 0 || trimmed[0] != '"' {
		return "", fmt.Errorf("%s is not a text", raw)
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// texts reads a text or a list of them.
func texts(raw json.RawMessage) ([]string, error) {
	values, err := oneOrMore(raw)
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(values))
	for _, value := range values {
		s, err := text(value)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// scalars reads texts, numbers and truth values, or a list of them, as texts.
func scalars(raw json.RawMessage) ([]string, error) {
	values, err := oneOrMore(raw)
	if err != nil {
		return nil, err
	}
	all := make([]string, 0, len(values))
	for _, value := range values {
		switch trimmed := string(bytes.TrimSpace(value)); {
		case trimmed == "" || trimmed == "null" || trimmed[0] == '{' || trimmed[0] == '[':
			return nil, fmt.Errorf("%s is not a value", value)
		case trimmed[0] == '"':
			s, err := text(value)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		default:
			all = append(all, trimmed)
		}
	}
	return all, nil
}
