package store_test

import (
	"errors"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/store"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	claim := processor.Claim{Key: "k", Owner: "one", Content: "e1", Until: now.Add(time.Minute)}
	take := func(owner, content string, at time.Time) (processor.Claim, error) {
		c := claim
		c.Owner, c.Content, c.Written = owner, content, at
		return table.Take(t.Context(), c)
	}
	if _, err := take("one", "e1", now); err != nil {
		t.Fatal(err)
	}
	checkHeld(t, table, now.Add(59*time.Second), true)
	checkHeld(t, table, now.Add(61*time.Second), false)
	if _, err := take("two", "e1", now.Add(59*time.Second)); !errors.Is(err, processor.ErrClaimed) {
		t.Errorf("while it lasts: %v, want ErrClaimed", err)
	}
	if c, err := take("one", "e1", now); err != nil || c.Alerted {
		t.Errorf("the same owner: %+v, %v", c, err)
	}
	claim.Alerted = true
	if err := table.Keep(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if c, err := take("two", "e1", now.Add(time.Hour)); err != nil || !c.Alerted {
		t.Errorf("expired: %+v, %v, want to know of the alerts", c, err)
	}
	finished := processor.Claim{Key: "k", Owner: "two", Content: "e1", Alerted: true, Written: now}
	if err := table.Keep(t.Context(), finished); err != nil {
		t.Fatal(err)
	}
	checkHeld(t, table, now, false)
	if c, err := take("three", "e2", now); err != nil || c.Alerted {
		t.Errorf("finished, new content: %+v, %v", c, err)
	}
	if _, found, err := table.Get(t.Context(), "claim#k"); found || err != nil {
		t.Errorf("a claim is taken for a row: %t, %v", found, err)
	}
}

func checkHeld(t *testing.T, table *store.Table, at time.Time, want bool) {
	t.Helper()
	if held, err := table.Held(t.Context(), "k", at); held != want || err != nil {
		t.Errorf("held at %s: %t, %v", at, held, err)
	}
}

// TestExpiry wants claims and states to have a time to live that is none of
// their life, and rows to have none.
func TestExpiry(t *testing.T) {
	t.Parallel()
	api := &fakeDynamoDB{items: map[string]item{}}
	table := store.NewTable(api, "objects")
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	finished := processor.Claim{Key: "k", Owner: "one", Written: now}
	state := processor.State{Series: processor.Series{SensorID: "a b", Metric: "m"}, Written: now}
	if err := errors.Join(table.Keep(t.Context(), finished), table.Save(t.Context(), state), table.Put(t.Context(), object("k", "a"))); err != nil {
		t.Fatal(err)
	}
	for key, days := range map[string]int{"claim#k": 30, "state#a b#m": 400} {
		want := strconv.FormatInt(now.AddDate(0, 0, days).Unix(), 10)
		if n, ok := api.items[key]["expires_at"].(*types.AttributeValueMemberN); !ok || n.Value != want {
			t.Errorf("%s expires at %v, want %s", key, api.items[key]["expires_at"], want)
		}
	}
	if api.items["k"]["expires_at"] != nil {
		t.Error("the row of an object expires")
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
	series := processor.Series{SensorID: "a", Metric: "m"}
	none, err := table.Load(t.Context(), series)
	if err != nil || none.Revision != 0 || none.Series != series {
		t.Fatalf("nothing kept: %+v, %v", none, err)
	}
	first := processor.State{Series: series, After: []byte{1}, Object: "k", Content: "e"}
	if err := table.Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := table.Save(t.Context(), first); !errors.Is(err, processor.ErrBusy) {
		t.Errorf("a second first one: %v, want ErrBusy", err)
	}
	second, err := table.Load(t.Context(), series)
	first.Revision = 1
	if err != nil || !reflect.DeepEqual(second, first) {
		t.Fatalf("got %+v, %v, want %+v", second, err, first)
	}
	second.Before, second.After = second.After, []byte{2}
	if err := table.Save(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := table.Save(t.Context(), second); !errors.Is(err, processor.ErrBusy) {
		t.Errorf("with an old revision: %v, want ErrBusy", err)
	}
	if third, err := table.Load(t.Context(), series); err != nil || third.Revision != 2 || string(third.Before) != "\x01" || string(third.After) != "\x02" {
		t.Errorf("got %+v, %v", third, err)
	}
}
