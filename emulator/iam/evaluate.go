package iam

import "strings"

// Request is what somebody wants to do.
type Request struct {
	Principal Principal
	// Action is service:Name.
	Action string
	// Resource is an ARN, or * for an action that AWS binds to no resource.
	Resource string
	// ResourceAccount owns the resource; empty is the principal's own account.
	ResourceAccount string
	// ResourceDecides is set where the resource's own policy has to allow as
	// well, even within one account: keys and roles.
	ResourceDecides bool
	Context         Context
}

// Policies are all that have a say.
type Policies struct {
	// Identity are the role's own.
	Identity []Policy
	// Boundary limits them; nil is none.
	Boundary *Policy
	// Session are those given when the session was made; empty is none.
	Session []Policy
	// Resource is the resource's; nil is none.
	Resource *Policy
}

// Decision is what comes out, and because of which policy.
type Decision struct {
	Allowed bool
	// Explicit is set when a statement denies, and not only none allows.
	Explicit bool
	// Kind is the kind of policy that decided.
	Kind Kind
	// Policy and Sid name the statement that decided, one without a Sid by its
	// number; empty when none did.
	Policy, Sid string
}

// Evaluate decides as the IAM User Guide's "Policy evaluation logic" describes,
// for an account without an organization: a denial anywhere is final; then the
// resource's policy may grant by itself; else an identity policy has to allow,
// and where there is a boundary or a session policy, each of them as well.
func Evaluate(r Request, p Policies) Decision {
	action := strings.ToLower(r.Action)
	if d, denied := firstDenial(r, action, p); denied {
		return d
	}
	granted, byResource := grant(r, action, p.Resource)
	who := r.Principal
	resourceKind := ResourcePolicy
	if p.Resource != nil {
		resourceKind = p.Resource.Kind
	}
	refused := Decision{Kind: resourceKind}
	if who.Service != "" || who.Federated != "" {
		if granted == bySession || granted == byRole {
			return byResource
		}
		return refused
	}
	foreign := r.ResourceAccount != "" && r.ResourceAccount != who.Account
	if (r.ResourceDecides || foreign) && granted == nobody {
		return refused
	}
	if !foreign && granted == bySession {
		return byResource
	}
	allowed := byResource
	if foreign || granted < byRole {
		var ok bool
		if allowed, ok = first(r, action, p.Identity, false); !ok {
			return Decision{Kind: IdentityPolicy}
		}
	}
	if p.Boundary != nil {
		if _, ok := first(r, action, one(p.Boundary), false); !ok {
			return Decision{Kind: PermissionsBoundary}
		}
	}
	if len(p.Session) > 0 {
		if _, ok := first(r, action, p.Session, false); !ok {
			return Decision{Kind: SessionPolicy}
		}
	}
	return allowed
}

// firstDenial finds a statement that denies.
func firstDenial(r Request, action string, p Policies) (Decision, bool) {
	for _, policies := range [...][]Policy{p.Identity, one(p.Boundary), p.Session, one(p.Resource)} {
		if d, found := first(r, action, policies, true); found {
			return d, true
		}
	}
	return Decision{}, false
}

func one(p *Policy) []Policy {
	if p == nil {
		return nil
	}
	return []Policy{*p}
}

// first finds a statement about the request, one that denies or one that allows.
func first(r Request, action string, policies []Policy, deny bool) (Decision, bool) {
	for _, p := range policies {
		for i := range p.statements {
			s := &p.statements[i]
			if s.deny == deny && s.applies(r, action) {
				return Decision{Allowed: !deny, Explicit: deny, Kind: p.Kind, Policy: p.Name, Sid: s.sid}, true
			}
		}
	}
	return Decision{}, false
}

// grant finds what the resource's policy grants, and how closely it names who asks.
func grant(r Request, action string, policy *Policy) (reach, Decision) {
	found, decision := nobody, Decision{}
	if policy == nil {
		return found, decision
	}
	for i := range policy.statements {
		s := &policy.statements[i]
		if s.deny || !s.applies(r, action) {
			continue
		}
		if level := s.principals.reaches(r.Principal); level > found {
			found = level
			decision = Decision{Allowed: true, Kind: policy.Kind, Policy: policy.Name, Sid: s.sid}
		}
	}
	return found, decision
}

// applies says whether the statement is about the request; action is in lower case.
func (s *statement) applies(r Request, action string) bool {
	if s.principals != nil && s.principals.reaches(r.Principal) == nobody {
		return false
	}
	if !s.actions.has(action, r.Context) {
		return false
	}
	if len(s.resources.patterns) > 0 && !s.resources.has(r.Resource, r.Context) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.Context) {
			return false
		}
	}
	return true
}

// Sentence is AWS's message for a refusal, as "Troubleshoot access denied error
// messages" of the IAM User Guide words it.
func Sentence(r Request, d Decision) string {
	s := "User: " + r.Principal.ARN + " is not authorized to perform: " + r.Action + " on resource: " + r.Resource
	if d.Explicit {
		return s + " with an explicit deny in " + d.Kind.article()
	}
	return s + " because no " + d.Kind.String() + " allows the " + r.Action + " action"
}

// String names the kind as AWS's messages do.
func (k Kind) String() string {
	switch k {
	case PermissionsBoundary:
		return "permissions boundary"
	case SessionPolicy:
		return "session policy"
	case ResourcePolicy:
		return "resource-based policy"
	case TrustPolicy:
		return "role trust policy"
	default:
		return "identity-based policy"
	}
}

func (k Kind) article() string {
	switch k {
	case IdentityPolicy:
		return "an " + k.String()
	case TrustPolicy:
		return "the " + k.String()
	default:
		return "a " + k.String()
	}
}

// Grant is an action that a statement allows, as it is written. NotAction is told
// by its exceptions, each behind a !.
type Grant struct {
	Policy, Sid, Action string
}

// Grants lists what the policy allows.
func (p Policy) Grants() []Grant {
	var all []Grant
	for _, s := range p.statements {
		if s.deny {
			continue
		}
		for _, a := range s.actions.patterns {
			text := a.text
			if s.actions.not {
				text = "!" + text
			}
			all = append(all, Grant{p.Name, s.sid, text})
		}
	}
	return all
}

// Covers says whether the grant is of an action.
func (g Grant) Covers(action string) bool {
	text, not := strings.CutPrefix(g.Action, "!")
	p, err := compile(strings.ToLower(text), false, true)
	return err == nil && p.matches(strings.ToLower(action), Values{}) != not
}
