package access

import (
	"cmp"
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// maxEntries bounds the record: what comes after is only counted.
const maxEntries = 50_000

// entry is one decision, however often it was taken.
type entry struct {
	// Role is the role's ARN, and Principal who took it or used it last.
	Role      string `json:"role"`
	Principal string `json:"principal"`
	// Operation is service:Operation of the API; empty where a service acts.
	Operation string `json:"operation,omitempty"`
	Action    string `json:"action,omitempty"`
	Resource  string `json:"resource,omitempty"`
	// Decision is allowed, denied or unknown.
	Decision string `json:"decision"`
	// By is the kind of policy that decided, explicitly or because it says nothing.
	By       string `json:"by,omitempty"`
	Explicit bool   `json:"explicit,omitempty"`
	Policy   string `json:"policy,omitempty"`
	Sid      string `json:"sid,omitempty"`
	Count    int    `json:"count"`
}

// record holds the decisions since it was last cleared.
type record struct {
	mu      sync.Mutex
	entries map[entry]*entry
	// samples has of each entry that was allowed the first request.
	samples map[entry]sample
	dropped int
}

func newRecord() *record { return &record{entries: map[entry]*entry{}, samples: map[entry]sample{}} }

func (r *record) put(e entry, principal string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.entries[e]
	if found == nil {
		if len(r.entries) >= maxEntries {
			r.dropped++
			return
		}
		kept := e
		found = &kept
		r.entries[e] = found
	}
	found.Count++
	found.Principal = principal
}

func (r *record) add(s *Session, call calls.Call, request iam.Request, d iam.Decision) {
	e := decided(s.Role, call, request, d)
	r.put(e, s.ARN())
	asked, known := request.Context.(*situation)
	if !known || !d.Allowed {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, has := r.samples[e]; !has && len(r.samples) < maxEntries {
		r.samples[e] = sample{session: s, region: asked.region, check: asked.check}
	}
}

// trust records that somebody took a role, or was not let.
func (r *record) trust(role, who string, request iam.Request, d iam.Decision) {
	r.put(decided(role, calls.Call{Service: "sts", Operation: "AssumeRoleWithWebIdentity"}, request, d), who)
}

func decided(role string, call calls.Call, request iam.Request, d iam.Decision) entry {
	e := entry{Role: role, Action: request.Action, Resource: request.Resource, Decision: "denied", By: d.Kind.String(), Explicit: d.Explicit, Policy: d.Policy, Sid: d.Sid}
	if d.Allowed {
		e.Decision = "allowed"
	}
	if call.Operation != "" {
		e.Operation = call.Service + ":" + call.Operation
	}
	return e
}

func (r *record) unknown(s *Session, call calls.Call) {
	r.put(entry{Role: s.Role, Operation: call.Service + ":" + call.Operation, Decision: "unknown"}, s.ARN())
}

// list is the record in an order that stays.
func (r *record) list() ([]entry, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]entry, 0, len(r.entries))
	for _, e := range r.entries {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Decision, b.Decision), cmp.Compare(a.Policy+a.Sid, b.Policy+b.Sid))
	})
	return all, r.dropped
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.entries)
	clear(r.samples)
	r.dropped = 0
}

// permissions is what a role was seen to need, and what it has.
type permissions struct {
	Role string `json:"role"`
	// Used are the actions that were allowed, Unused the grants that no request used.
	Used   []string `json:"used"`
	Unused []grant  `json:"unused"`
	// Denied are the refusals, unknown operations among them.
	Denied []entry `json:"denied"`
}

type grant struct {
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	Action string `json:"action"`
}

// permissions compares each role's grants with the record.
func (a *Access) permissions(ctx context.Context) ([]permissions, error) {
	roles, err := a.store.roles(ctx)
	if err != nil {
		return nil, err
	}
	entries, _ := a.record.list()
	for _, e := range entries {
		if !slices.Contains(roles, e.Role) {
			roles = append(roles, e.Role) // it is gone by now
		}
	}
	slices.Sort(roles)
	all := make([]permissions, 0, len(roles))
	for _, arn := range roles {
		p := permissions{Role: arn, Used: []string{}, Unused: []grant{}, Denied: []entry{}}
		used := map[[2]string][]string{}
		for _, e := range entries {
			switch {
			case e.Role != arn:
			case e.Decision != "allowed":
				p.Denied = append(p.Denied, e)
			default:
				used[[2]string{e.Policy, e.Sid}] = append(used[[2]string{e.Policy, e.Sid}], e.Action)
				if !slices.Contains(p.Used, e.Action) {
					p.Used = append(p.Used, e.Action)
				}
			}
		}
		found, err := a.store.role(ctx, arn)
		if err != nil && !notThere(err) {
			return nil, err
		}
		if err == nil {
			p.Unused = unused(found.identity, used)
		}
		all = append(all, p)
	}
	return all, nil
}

// unused are the grants that no allowed action came by.
func unused(policies []iam.Policy, used map[[2]string][]string) []grant {
	all := []grant{}
	for _, policy := range policies {
		for _, g := range policy.Grants() {
			if !slices.ContainsFunc(used[[2]string{g.Policy, g.Sid}], g.Covers) {
				all = append(all, grant(g))
			}
		}
	}
	return all
}

// roles are the ARNs of the account's roles but for those of services.
func (s *store) roles(ctx context.Context) ([]string, error) {
	all, err := s.rolesBelow(ctx, "/")
	return slices.DeleteFunc(all, func(arn string) bool { return strings.Contains(arn, ":role/aws-service-role/") }), err
}

// rolesBelow are the ARNs of the roles with a path.
func (s *store) rolesBelow(ctx context.Context, path string) ([]string, error) {
	raw, err := s.moto.Form(ctx, "iam", awsapi.DefaultRegion, url.Values{
		"Action": {"ListRoles"}, "Version": {"2010-05-08"}, "MaxItems": {"1000"}, "PathPrefix": {path},
	})
	if err != nil {
		return nil, err
	}
	var out struct {
		ARNs []string `xml:"ListRolesResult>Roles>member>Arn"`
	}
	if err := xml.Unmarshal(raw, &out); err != nil {
		return nil, err
	}
	return out.ARNs, nil
}

// ServeHTTP answers below /_emulator/iam/ and /_emulator/oidc/.
func (a *Access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/_emulator/")
	if rest, found := strings.CutPrefix(path, "oidc/"); found {
		a.serveOIDC(w, r, rest)
		return
	}
	switch {
	case path == "iam/decisions" && r.Method == http.MethodGet:
		entries, dropped := a.record.list()
		awsapi.WriteREST(w, http.StatusOK, map[string]any{"decisions": entries, "dropped": dropped})
	case path == "iam/decisions" && r.Method == http.MethodDelete:
		a.record.clear()
		awsapi.WriteREST(w, http.StatusOK, map[string]any{"decisions": []entry{}})
	case path == "iam/permissions" && r.Method == http.MethodGet:
		roles, err := a.permissions(r.Context())
		if err != nil {
			awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
			return
		}
		awsapi.WriteREST(w, http.StatusOK, map[string]any{"roles": roles})
	case path == "iam/replay" && r.Method == http.MethodPost:
		decided, refused, err := a.replay(r.Context())
		if err != nil {
			awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
			return
		}
		awsapi.WriteREST(w, http.StatusOK, map[string]any{"decided": decided, "refused": refused})
	default:
		http.NotFound(w, r)
	}
}
