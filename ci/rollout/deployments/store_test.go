package deployments

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// account is an SSM with one parameter, of which each version can be read, and an S3
// with one bucket.
type account struct {
	versions []string
	objects  map[string]string
	// refuse is what the nth call of an operation fails with, and lose the same after
	// it had its effect; before runs ahead of it.
	refuse, lose map[string]func(n int) error
	before       map[string]func(n int)
	calls        map[string]int
}

func newAccount() *account {
	return &account{
		objects: map[string]string{}, calls: map[string]int{},
		refuse: map[string]func(int) error{}, lose: map[string]func(int) error{}, before: map[string]func(int){},
	}
}

func (a *account) do(op string, effect func() error) error {
	a.calls[op]++
	n := a.calls[op]
	if do := a.before[op]; do != nil {
		do(n)
	}
	if refuse := a.refuse[op]; refuse != nil {
		if err := refuse(n); err != nil {
			return err
		}
	}
	if err := effect(); err != nil {
		return err
	}
	if lose := a.lose[op]; lose != nil {
		return lose(n)
	}
	return nil
}

func (a *account) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (out *ssm.GetParameterOutput, err error) {
	return out, a.do("GetParameter", func() error {
		version := len(a.versions)
		if _, selected, is := strings.Cut(*in.Name, ":"); is {
			version, _ = strconv.Atoi(selected)
		}
		if version < 1 || version > len(a.versions) {
			return &types.ParameterNotFound{}
		}
		out = &ssm.GetParameterOutput{Parameter: &types.Parameter{Value: &a.versions[version-1], Version: int64(version)}}
		return nil
	})
}

func (a *account) PutParameter(_ context.Context, in *ssm.PutParameterInput, _ ...func(*ssm.Options)) (out *ssm.PutParameterOutput, err error) {
	return out, a.do("PutParameter", func() error {
		if len(*in.Value) > maxValue {
			return rollouttest.APIError("ValidationException")
		}
		a.versions = append(a.versions, *in.Value)
		out = &ssm.PutParameterOutput{Version: int64(len(a.versions))}
		return nil
	})
}

func (a *account) DeleteParameter(context.Context, *ssm.DeleteParameterInput, ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error) {
	return &ssm.DeleteParameterOutput{}, a.do("DeleteParameter", func() error {
		if len(a.versions) == 0 {
			return &types.ParameterNotFound{}
		}
		a.versions = nil
		return nil
	})
}

func (a *account) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (out *s3.GetObjectOutput, err error) {
	return out, a.do("GetObject", func() error {
		text, is := a.objects[*in.Key]
		if !is {
			return &s3types.NoSuchKey{}
		}
		out = &s3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(text))}
		return nil
	})
}

func (a *account) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	var text bytes.Buffer
	_, _ = text.ReadFrom(in.Body)
	return &s3.PutObjectOutput{}, a.do("PutObject", func() error {
		a.objects[*in.Key] = text.String()
		return nil
	})
}

func (a *account) DeleteObject(_ context.Context, in *s3.DeleteObjectInput, _ ...func(*s3.Options)) (*s3.DeleteObjectOutput, error) {
	return &s3.DeleteObjectOutput{}, a.do("DeleteObject", func() error {
		delete(a.objects, *in.Key)
		return nil
	})
}

func (a *account) store() Store {
	return Store{API: a, Name: "/sensor/dev/deployments", Objects: a, Bucket: "state", Prefix: "deployments/dev/"}
}

func deploys(version string) func(*History) {
	return func(h *History) { h.Add(ran(version, "1")) }
}

// inBubble runs a test in time that passes at once.
func inBubble(t *testing.T, name string, test func(t *testing.T, a *account, s Store)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newAccount()
			test(t, a, a.store())
		})
	})
}

// runs checks which versions are recorded, newest first.
func runs(t *testing.T, s Store, want ...string) {
	t.Helper()
	h, err := s.Load(t.Context())
	var got []string
	for _, e := range h.List {
		got = append(got, e.Service.Version)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("recorded are %v, %v, want %v", got, err, want)
	}
}

// TestAThousandDeploys has 300 migrations that cannot be undone and a long caller's
// name: the last 50 deploys stay, and the database's state with them.
func TestAThousandDeploys(t *testing.T) {
	t.Parallel()
	caller := "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/" + strings.Repeat("somebody", 12) + "@example.com"
	inBubble(t, "with a bucket", func(t *testing.T, a *account, s Store) {
		for i := range 1000 {
			err := s.Update(t.Context(), func(h *History) {
				e := at(fmt.Sprint("sensor-dev-api:", i+1), i*300/1000+1)
				e.At, e.By, e.Commit, e.Service.Digest = time.Unix(int64(i)*3600, 0).UTC(), caller, strings.Repeat("0a", 20), "sha256:"+strings.Repeat("0a", 32)
				h.Migrated(e.Schema, []int{e.Schema})
				h.Add(e)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		h, err := s.Load(t.Context())
		if err != nil || len(h.List) != 50 || h.List[0].Service.Version != "sensor-dev-api:1000" || h.List[49].By != caller {
			t.Fatalf("%d entries, %v", len(h.List), err)
		}
		if h.Database.Schema != 300 || len(h.Database.Irreversible) != 300 {
			t.Errorf("the database is at %d with %d migrations", h.Database.Schema, len(h.Database.Irreversible))
		}
		if err := h.CheckReversible(h.List[49]); err == nil {
			t.Error("there is a way back past 14 migrations")
		}
		if len(a.objects) != 1 {
			t.Errorf("%d objects are left", len(a.objects))
		}
	})
	inBubble(t, "without one", func(t *testing.T, _ *account, s Store) {
		s.Objects, s.Bucket = nil, ""
		for i := range 100 {
			err := s.Update(t.Context(), func(h *History) {
				e := at(fmt.Sprint("api:", i+1), i+1)
				e.By = caller
				h.Migrated(280+i, []int{1 + 2*i})
				h.Add(e)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		h, err := s.Load(t.Context())
		if err != nil || len(h.List) < 9 || h.List[0].Service.Version != "api:100" || len(h.Database.Irreversible) != 100 {
			t.Errorf("%d entries, %v", len(h.List), err)
		}
	})
}

// TestStoreScripts plays what SSM and S3 do to each call.
func TestStoreScripts(t *testing.T) {
	t.Parallel()
	lost := rollouttest.Times(1, 1, "InternalServerError")
	large := func(h *History) {
		for i := range 40 {
			e := ran(fmt.Sprint("old:", i), "1")
			e.By = fmt.Sprint(strings.Repeat("x", 200), i)
			h.Add(e)
		}
	}
	inBubble(t, "nothing is recorded yet", func(t *testing.T, _ *account, s Store) { runs(t, s) })
	inBubble(t, "put: the answer is lost, the write is not", func(t *testing.T, a *account, s Store) {
		a.lose["PutParameter"] = lost
		if err := s.Update(t.Context(), deploys("api:1")); err != nil || a.calls["PutParameter"] != 1 {
			t.Errorf("%v, %v", err, a.calls)
		}
		runs(t, s, "api:1")
	})
	inBubble(t, "put: request and answer are lost", func(t *testing.T, a *account, s Store) {
		a.refuse["PutParameter"] = rollouttest.Times(1, 2, "InternalServerError")
		if err := s.Update(t.Context(), deploys("api:1")); err != nil {
			t.Error(err)
		}
		runs(t, s, "api:1")
	})
	inBubble(t, "put: the answer is lost, and the read as well", func(t *testing.T, a *account, s Store) {
		calls := 0
		a.lose["PutParameter"] = lost
		a.before["GetParameter"] = func(int) { calls++ }
		a.refuse["GetParameter"] = func(int) error {
			if calls == 2 {
				return rollouttest.APIError("AccessDeniedException")
			}
			return nil
		}
		if err := s.Update(t.Context(), deploys("api:1")); err != nil {
			t.Error(err)
		}
		runs(t, s, "api:1")
	})
	inBubble(t, "put: throttled", func(t *testing.T, a *account, s Store) {
		a.refuse["PutParameter"] = rollouttest.Times(1, 3, "ThrottlingException")
		if err := s.Update(t.Context(), deploys("api:1")); err != nil {
			t.Error(err)
		}
	})
	inBubble(t, "put: denied", func(t *testing.T, a *account, s Store) {
		a.refuse["PutParameter"] = rollouttest.Times(1, 9, "AccessDeniedException")
		if err := s.Update(t.Context(), deploys("api:1")); err == nil || !strings.Contains(err.Error(), s.Name) || a.calls["PutParameter"] != 1 {
			t.Errorf("%v, %v", err, a.calls)
		}
	})
	inBubble(t, "get: denied", func(t *testing.T, a *account, s Store) {
		a.refuse["GetParameter"] = rollouttest.Times(1, 9, "AccessDeniedException")
		if _, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("error %v", err)
		}
		if err := s.Update(t.Context(), deploys("api:1")); err == nil || a.calls["PutParameter"] != 0 {
			t.Errorf("what cannot be read was overwritten: %v", err)
		}
	})
	for _, first := range []bool{true, false} {
		inBubble(t, fmt.Sprint("another writer in between, the first one ", first), func(t *testing.T, a *account, s Store) {
			want := []string{"mine:1", "theirs:1"}
			if !first {
				if err := s.Update(t.Context(), deploys("api:1")); err != nil {
					t.Fatal(err)
				}
				want = append(want, "api:1")
			}
			a.before["PutParameter"] = func(int) {
				a.before["PutParameter"] = nil
				if err := s.Update(t.Context(), func(h *History) { h.Migrated(7, []int{7}); h.Add(ran("theirs:1", "1")) }); err != nil {
					t.Error(err)
				}
			}
			if err := s.Update(t.Context(), deploys("mine:1")); err != nil {
				t.Fatal(err)
			}
			runs(t, s, want...)
			if h, _ := s.Load(t.Context()); h.Database.Schema != 7 {
				t.Errorf("their migration is forgotten: %+v", h.Database)
			}
		})
	}
	inBubble(t, "another writer in between, in the bucket", func(t *testing.T, a *account, s Store) {
		if err := s.Update(t.Context(), large); err != nil {
			t.Fatal(err)
		}
		a.before["PutParameter"] = func(int) {
			a.before["PutParameter"] = nil
			if err := s.Update(t.Context(), deploys("theirs:1")); err != nil {
				t.Error(err)
			}
		}
		if err := s.Update(t.Context(), deploys("mine:1")); err != nil {
			t.Fatal(err)
		}
		h, err := s.Load(t.Context())
		if err != nil || h.List[0].Service.Version != "mine:1" || h.List[1].Service.Version != "theirs:1" || len(h.List) != 42 || len(a.objects) != 1 {
			t.Errorf("%d entries, %d objects, %v", len(h.List), len(a.objects), err)
		}
	})
	inBubble(t, "the object's answer is lost", func(t *testing.T, a *account, s Store) {
		a.lose["PutObject"], a.lose["GetObject"] = lost, lost
		if err := s.Update(t.Context(), large); err != nil {
			t.Fatal(err)
		}
		if h, err := s.Load(t.Context()); err != nil || len(h.List) != 40 {
			t.Errorf("%d entries, %v", len(h.List), err)
		}
	})
	inBubble(t, "the object may not be written", func(t *testing.T, a *account, s Store) {
		a.refuse["PutObject"] = rollouttest.Times(1, 9, "AccessDenied")
		if err := s.Update(t.Context(), large); err == nil || !strings.Contains(err.Error(), "in bucket state") || len(a.versions) != 0 {
			t.Errorf("%v; the parameter has %d versions", err, len(a.versions))
		}
	})
	inBubble(t, "the object is gone", func(t *testing.T, a *account, s Store) {
		if err := s.Update(t.Context(), large); err != nil {
			t.Fatal(err)
		}
		clear(a.objects)
		if _, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "deployments/dev/") {
			t.Errorf("error %v", err)
		}
		s.Objects = nil
		if _, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "no bucket is given") {
			t.Errorf("error %v", err)
		}
	})
	inBubble(t, "forget", func(t *testing.T, a *account, s Store) {
		if err := s.Update(t.Context(), large); err != nil {
			t.Fatal(err)
		}
		a.lose["DeleteParameter"] = lost
		for _, when := range []string{"there", "gone"} {
			if err := s.Forget(t.Context()); err != nil || len(a.versions) != 0 || len(a.objects) != 0 {
				t.Errorf("a history that is %s: %v, %d objects", when, err, len(a.objects))
			}
		}
		a.refuse["DeleteParameter"] = rollouttest.Times(1, 9, "AccessDeniedException")
		if err := s.Forget(t.Context()); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("error %v", err)
		}
	})
}

// TestReadsTheOldFormat reads what the module wrote before the history had a format.
func TestReadsTheOldFormat(t *testing.T) {
	t.Parallel()
	const old = `[{"at":"2026-11-25T10:00:00Z","by":"arn:aws:iam::111111111111:user/alice","commit":"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",` +
		`"ecs":{"version":"sensor-dev-api:7","digest":"sha256:07"},"lambda":{"version":"5","digest":"abc="},"schema":3,"noWayBack":[2,3]},` +
		`{"at":"2026-11-24T10:00:00Z","ecs":{"version":"sensor-dev-api:6","digest":"sha256:06","left":true},"lambda":{"version":"4"},"schema":1}]`
	inBubble(t, "read and written again", func(t *testing.T, a *account, s Store) {
		a.versions = []string{old}
		h, err := s.Load(t.Context())
		if err != nil || len(h.List) != 2 || h.Database.Schema != 3 || !slices.Equal(h.Database.Irreversible, []int{2, 3}) {
			t.Fatalf("%+v, %v", h, err)
		}
		first, second := h.List[0], h.List[1]
		if first.By != "arn:aws:iam::111111111111:user/alice" || first.Schema != 3 || first.At.Day() != 25 || !second.Service.RolledBackFrom || second.By != "" {
			t.Errorf("%+v", h.List)
		}
		if err := h.CheckReversible(second); err == nil {
			t.Error("there is a way back past migration 3")
		}
		if err := s.Update(t.Context(), deploys("sensor-dev-api:8")); err != nil {
			t.Fatal(err)
		}
		runs(t, s, "sensor-dev-api:8", "sensor-dev-api:7", "sensor-dev-api:6")
		if !strings.HasPrefix(a.versions[1], `{"format":2,"database":{"schema":3,"noWayBack":"2-3"}`) {
			t.Errorf("written as %s", a.versions[1])
		}
	})
	for text, says := range map[string]string{
		`{"format":3}`: "use a newer version", `{}`: "it has no format", `x`: "not a record of deployments", `[1]`: "not a record of deployments",
		`{"format":2,"database":{"noWayBack":"a-b"}}`: "not numbers and ranges", `{"format":2,"entries":[{"by":2}]}`: "refers to name 2 of 0",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	if _, err := (Store{API: newAccount(), Name: "x"}).encode(t.Context(), History{List: List{ran(strings.Repeat("x", maxValue), "1")}}); err == nil || errors.Unwrap(err) != nil {
		t.Errorf("error %v", err)
	}
}
