package iam

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Principal is who asks.
type Principal struct {
	// ARN is the session's or user's, as messages name it.
	ARN string
	// Role is the ARN of the session's role; empty for others.
	Role string
	// Account is the twelve digits; empty for a service.
	Account string
	// Service is a service's name, such as s3.amazonaws.com, that acts for itself.
	Service string
	// Federated is the ARN of the provider that vouches for a web identity.
	Federated string
}

// reach is how closely a statement's Principal names somebody.
type reach int

const (
	nobody reach = iota
	// byAccount leaves it to the account's own policies.
	byAccount
	// byRole names the role, or everybody.
	byRole
	// bySession names the session, the user, the service or the provider itself.
	bySession
)

// principals is what Principal or NotPrincipal holds.
type principals struct {
	all       bool
	aws       []string
	service   []string
	federated []string
	not       bool
}

func readPrincipals(raw json.RawMessage, not bool) (*principals, error) {
	p := &principals{not: not}
	if everybody, err := text(raw); err == nil {
		if everybody != "*" {
			return nil, fmt.Errorf("%q is not a principal: give * or an object with AWS, Service or Federated", everybody)
		}
		p.all = true
		return p, nil
	}
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		names, err := texts(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		switch m.name {
		case "AWS":
			for _, name := range names {
				if name == "*" {
					p.all = true
				} else if !isAccount(name) && (!strings.HasPrefix(name, "arn:") || strings.ContainsAny(name, "*?")) {
					return nil, fmt.Errorf("%q is neither an ARN nor an account", name)
				}
			}
			p.aws = append(p.aws, names...)
		case "Service":
			p.service = append(p.service, names...)
		case "Federated":
			p.federated = append(p.federated, names...)
		default:
			return nil, fmt.Errorf("the kind of principal %q is unknown", m.name)
		}
	}
	return p, nil
}

// reaches says how closely the principals name somebody. NotPrincipal names
// everybody but those it lists.
func (p *principals) reaches(who Principal) reach {
	found := p.named(who)
	if !p.not {
		return found
	}
	if found == nobody {
		return byRole
	}
	return nobody
}

func (p *principals) named(who Principal) reach {
	found := nobody
	switch {
	case who.Service != "":
		for _, name := range p.service {
			if name == who.Service {
				found = bySession
			}
		}
	case who.Federated != "":
		for _, name := range p.federated {
			if name == who.Federated {
				found = bySession
			}
		}
	default:
		for _, name := range p.aws {
			found = max(found, nameReach(name, who))
		}
	}
	if p.all {
		found = max(found, byRole)
	}
	return found
}

func nameReach(name string, who Principal) reach {
	switch {
	case name == who.ARN:
		return bySession
	case who.Role != "" && name == who.Role:
		return byRole
	case who.Account != "" && (name == who.Account || name == "arn:aws:iam::"+who.Account+":root"):
		return byAccount
	}
	return nobody
}

func isAccount(name string) bool {
	return len(name) == 12 && strings.Trim(name, "0123456789") == ""
}
