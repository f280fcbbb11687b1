package deployments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func ran(service, function string) Entry {
	return Entry{Service: Half{Version: service, Digest: "sha256:" + service}, Function: Half{Version: function, Digest: "zip" + function}}
}

// TestTwoBadDeploysInARow goes back past both.
func TestTwoBadDeploysInARow(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2")).Add(ran("api:3", "3"))
	to, err := h.Previous(ran("api:3", "3"), Service)
	if err != nil || to.Service.Version != "api:2" {
		t.Fatalf("%v, %v", to, err)
	}
	h = h.MarkRolledBack(Service, "api:3").Add(ran("api:2", "3"))
	to, err = h.Previous(ran("api:2", "3"), Service)
	if err != nil || to.Service.Version != "api:1" {
		t.Fatalf("the second rollback leads to %v, %v", to, err)
	}
	if to, err := h.Previous(ran("", "3"), Function); err != nil || to.Function.Version != "2" {
		t.Errorf("the other half goes its own way: %v, %v", to, err)
	}
	h = h.MarkRolledBack(Service, "api:2").Add(ran("api:1", "3"))
	if to, err := h.Previous(ran("api:1", "3"), Service); err == nil || !strings.Contains(err.Error(), "name a version or digest") {
		t.Errorf("%v, %v", to, err)
	}
}

// TestBothGoToOneEntry leaves the half alone that the last deploy did not change.
func TestBothGoToOneEntry(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2")).Add(ran("api:3", "2"))
	to, err := h.Previous(ran("api:3", "2"), Service, Function)
	if err != nil || to.Service.Version != "api:2" || to.Function.Version != "2" {
		t.Errorf("%v, %v", to, err)
	}
}

// TestUndo goes back to what ran, not to what ran before that.
func TestUndo(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2"))
	if to, err := h.Undo(); err != nil || to.Service.Version != "api:2" {
		t.Errorf("%v, %v", to, err)
	}
	if to, err := (List{}).Undo(); err == nil || !strings.Contains(err.Error(), "name a version or digest") {
		t.Errorf("%v, %v", to, err)
	}
}

func TestWhatRunsIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1"))
	if to, err := h.Previous(ran("api:9", "1"), Service); err != nil || to.Service.Version != "api:1" {
		t.Errorf("%v, %v", to, err)
	}
}

func TestAddReplacesTheSame(t *testing.T) {
	t.Parallel()
	e := ran("api:1", "1")
	e.Commit, e.Schema, e.Irreversible = "0a1b", 3, []int{2}
	h := List{}.Add(e).Add(ran("api:1", "1"))
	if len(h) != 1 || h[0].Commit != "0a1b" || h[0].Schema != 3 || len(h[0].Irreversible) != 1 {
		t.Errorf("%+v", h)
	}
	for i := range 30 {
		h = h.Add(ran(fmt.Sprint("api:", i+2), "1"))
	}
	if len(h) != keep || h[0].Service.Version != "api:31" {
		t.Errorf("%d entries, newest %v", len(h), h[0])
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:12", "2"))
	for name, want := range map[string]string{"api:1": "api:1", "12": "api:12", "sha256:api:1": "api:1", "2": "", "": ""} {
		e, ok := h.Find(Service, name)
		if e.Service.Version != want || ok != (want != "") {
			t.Errorf("%q: %v, %v", name, e, ok)
		}
	}
}

func TestCheckReversible(t *testing.T) {
	t.Parallel()
	one, two := ran("api:1", "1"), ran("api:2", "2")
	one.Schema, two.Schema, two.Irreversible = 1, 3, []int{3}
	h := List{}.Add(one).Add(two)
	if err := h.CheckReversible("api:2", one); err == nil || !strings.Contains(err.Error(), "migration 3, which came after api:1, cannot be undone") {
		t.Errorf("error %v", err)
	}
	two.Irreversible = []int{1}
	if err := (List{two, one}).CheckReversible("api:2", one); err != nil {
		t.Errorf("both have migration 1: %v", err)
	}
	if err := h.CheckReversible("api:1", two); err != nil {
		t.Errorf("forward is no way back: %v", err)
	}
}

// TestCheckReversibleFrom stops an automatic rollback of a deploy that is not recorded yet.
func TestCheckReversibleFrom(t *testing.T) {
	t.Parallel()
	one, two := ran("api:1", "1"), ran("api:2", "2")
	one.Schema, two.Schema, two.Irreversible = 1, 3, []int{3}
	h := List{}.Add(one)
	if err := h.CheckReversibleFrom(two, "api:1"); err == nil || !strings.Contains(err.Error(), "migration 3, which came after api:1, cannot be undone") {
		t.Errorf("error %v", err)
	}
	if err := h.CheckReversibleFrom(two, "api:0"); err != nil {
		t.Errorf("what is not recorded bars no way: %v", err)
	}
	two.Irreversible = nil
	if err := h.CheckReversibleFrom(two, "api:1"); err != nil || len(h) != 1 {
		t.Errorf("%v; %d entries", err, len(h))
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	newest, irreversible, err := Migrations(fstest.MapFS{
		"m/postgres/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a();\n-- +goose Down\nDROP TABLE a;\n")},
		"m/postgres/00002_b.sql": {Data: []byte("-- +goose Up\nDROP TABLE b;\n-- +goose Down\n-- the data is gone\n")},
		"m/redshift/00002_b.sql": {Data: []byte("-- +goose Up\nDROP TABLE b;\n")},
		"m/readme.sql":           {Data: []byte("x")},
	})
	if err != nil || newest != 2 || !slices.Equal(irreversible, []int{2}) {
		t.Errorf("%d, %v, %v", newest, irreversible, err)
	}
}

// parameter is an SSM with one parameter.
type parameter struct {
	value *string
	err   error
}

func (p *parameter) GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	if p.err != nil {
		return nil, p.err
	}
	if p.value == nil {
		return nil, &types.ParameterNotFound{}
	}
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{Value: p.value}}, nil
}

func (p *parameter) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (*ssm.PutParameterOutput, error) {
	p.value = in.Value
	return &ssm.PutParameterOutput{}, p.err
}

func (p *parameter) DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	if p.err == nil && p.value == nil {
		return nil, &types.ParameterNotFound{}
	}
	p.value = nil
	return &ssm.DeleteParameterOutput{}, p.err
}

func TestForget(t *testing.T) {
	t.Parallel()
	p := &parameter{value: new(string)}
	s := Store{API: p, Name: "/sensor/dev/deployments"}
	for _, when := range []string{"there", "gone"} {
		if err := s.Forget(t.Context()); err != nil || p.value != nil {
			t.Errorf("a history that is %s: %v", when, err)
		}
	}
	p.err = errors.New("denied")
	if err := s.Forget(t.Context()); err == nil || !strings.Contains(err.Error(), s.Name) {
		t.Errorf("error %v", err)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	p := &parameter{}
	s := Store{API: p, Name: "/sensor/dev/deployments"}
	if h, err := s.Load(t.Context()); err != nil || len(h) != 0 {
		t.Fatalf("before the first: %v, %v", h, err)
	}
	h := List{}
	for i := range keep {
		e := ran(fmt.Sprint("api:", i), fmt.Sprint(i))
		e.At, e.By = time.Unix(int64(i), 0).UTC(), strings.Repeat("x", 500)
		h = h.Add(e)
	}
	if err := s.Save(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context())
	if err != nil || len(*p.value) > maxValue || len(got) == 0 || len(got) >= keep || got[0].Service.Version != h[0].Service.Version {
		t.Errorf("%d bytes, %d entries, %v", len(*p.value), len(got), err)
	}
	p.err = errors.New("denied")
	if _, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), s.Name) {
		t.Errorf("error %v", err)
	}
	if err := s.Save(t.Context(), h); err == nil || !strings.Contains(err.Error(), s.Name) {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{"at":"2026-01-02T03:04:05Z","ecs":{"version":"api:1"},"lambda":{"version":"1"}}]`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		h = h.Add(Entry{})
		if _, err := h.Previous(Entry{}, Service); err == nil && len(h) < 2 {
			t.Error("there is a way back from the only entry")
		}
	})
}
