package calls

import (
	_ "embed" // the table
	"fmt"
	"slices"
	"strings"
)

//go:embed table.txt
var tableText string

// table holds services by name.
type table map[string]*service

// service is a service with the kinds of its resources and its actions.
type service struct {
	kinds   map[string]string // to the pattern of their ARNs
	actions map[string]action
}

// action is an action and the kinds of resources it is bound to.
type action struct {
	name  string
	bound []binding
}

// binding is a kind of resource that an action acts on, always or where the
// request names one.
type binding struct {
	kind     string
	required bool
}

// readTable reads what generate wrote.
func readTable(text string) (table, error) {
	t := table{}
	var s *service
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "service" && len(words) == 2:
			s = &service{kinds: map[string]string{}, actions: map[string]action{}}
			t[words[1]] = s
		case words[0] == "kind" && len(words) == 3 && s != nil:
			s.kinds[words[1]] = words[2]
		case words[0] == "action" && len(words) >= 2 && s != nil:
			a := action{name: words[1]}
			for _, kind := range words[2:] {
				name, required := strings.CutSuffix(kind, "!")
				a.bound = append(a.bound, binding{name, required})
			}
			s.actions[a.name] = a
		default:
			return nil, fmt.Errorf("the table of operations has the line %q; make it anew with go generate", line)
		}
	}
	return t, nil
}

func (t table) find(service, name string) (action, bool) {
	s := t[service]
	if s == nil {
		return action{}, false
	}
	a, ok := s.actions[name]
	return a, ok
}

func (t table) names(service string) []string {
	var names []string
	if s := t[service]; s != nil {
		for name := range s.actions {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
