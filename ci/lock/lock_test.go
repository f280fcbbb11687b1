package lock

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func request(holder string) Request {
	return Request{Table: "lock", Name: "deploy/sensor-dev", Holder: holder}
}

// inBubble runs a test in time that passes at once.
func inBubble(t *testing.T, name string, test func(t *testing.T, db *table)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, newTable()) })
	})
}

func acquired(t *testing.T, db *table, req Request) *Lock {
	t.Helper()
	l, err := Acquire(t.Context(), db, req)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func released(t *testing.T, l *Lock) {
	t.Helper()
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// isLost checks that a lock is known to be lost, and that its work was ended.
func isLost(t *testing.T, l *Lock, says string) {
	t.Helper()
	var lost *LostError
	if err := l.Check(context.WithoutCancel(t.Context())); !errors.As(err, &lost) || !strings.Contains(err.Error(), says) {
		t.Errorf("the check says %v, want a loss that says %q", err, says)
	}
	if cause := context.Cause(l.Context()); !errors.As(cause, &lost) {
		t.Errorf("the work goes on, or ended by %v", cause)
	}
}

func TestSecondIsRefusedWithWhoHoldsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newTable()
		first := acquired(t, db, request("alice at 0a1b2c3"))
		// Longer than a lease: it is renewed.
		time.Sleep(10 * time.Minute)
		_, err := Acquire(t.Context(), db, request("bob"))
		var held *HeldError
		if !errors.As(err, &held) || held.Holder != "alice at 0a1b2c3" || held.ID != first.ID() || !strings.Contains(err.Error(), "held by alice at 0a1b2c3 since 2000-01-01T00:00:00Z") {
			t.Fatalf("error %v", err)
		}
		if err := first.Check(t.Context()); err != nil {
			t.Error(err)
		}
		released(t, first)
		second := acquired(t, db, request("bob"))
		if second.Fence() <= first.Fence() {
			t.Errorf("the fencing number goes from %d to %d", first.Fence(), second.Fence())
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := second.Release(canceled); err != nil || db.item["Token"] != nil {
			t.Errorf("a canceled caller does not release: %v", err)
		}
		if second.Context().Err() == nil {
			t.Error("the work may go on after the release")
		}
	})
}

// TestScripts plays what DynamoDB does to each call of a lock.
func TestScripts(t *testing.T) {
	t.Parallel()
	inBubble(t, "acquire: the answer is lost, the write is not", func(t *testing.T, db *table) {
		db.lose["PutItem"] = rollouttest.Times(1, 1, "InternalServerError")
		l := acquired(t, db, request("alice"))
		if err := l.Check(t.Context()); err != nil || db.calls["PutItem"] != 1 {
			t.Errorf("%v, %v", err, db.calls)
		}
		released(t, l)
	})
	inBubble(t, "acquire: the answer is lost, and the SDK's second try is refused by the first", func(t *testing.T, db *table) {
		db.lose["PutItem"] = func(int) error { return &types.ConditionalCheckFailedException{} }
		released(t, acquired(t, db, request("alice")))
	})
	inBubble(t, "acquire: request and answer are lost", func(t *testing.T, db *table) {
		db.refuse["PutItem"] = rollouttest.Times(1, 2, "InternalServerError")
		released(t, acquired(t, db, request("alice")))
	})
	inBubble(t, "acquire: the write hangs", func(t *testing.T, db *table) {
		db.hang["PutItem"] = func(n int) bool { return n == 1 }
		released(t, acquired(t, db, request("alice")))
	})
	inBubble(t, "acquire: the answer is lost, and another holder wins", func(t *testing.T, db *table) {
		db.refuse["PutItem"] = rollouttest.Times(1, 1, "InternalServerError")
		db.before["GetItem"] = func(db *table, n int) {
			if n == 2 {
				db.give("bob", map[string]types.AttributeValue{"Until": number(time.Now().Add(time.Minute).Unix())})
			}
		}
		_, err := Acquire(t.Context(), db, request("alice"))
		var held *HeldError
		if !errors.As(err, &held) || held.Holder != "bob" {
			t.Errorf("error %v", err)
		}
	})
	inBubble(t, "acquire: given up after a write that took effect", func(t *testing.T, db *table) {
		db.lose["PutItem"] = always("InternalServerError")
		db.refuse["GetItem"] = func(n int) error {
			if n > 1 {
				return rollouttest.APIError("AccessDeniedException")
			}
			return nil
		}
		if _, err := Acquire(t.Context(), db, request("alice")); err == nil || db.item["Token"] != nil {
			t.Errorf("error %v; the item is left as %v", err, db.item)
		}
	})
	inBubble(t, "acquire: denied", func(t *testing.T, db *table) {
		db.refuse["PutItem"] = always("AccessDeniedException")
		if _, err := Acquire(t.Context(), db, request("alice")); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("error %v", err)
		}
	})
	inBubble(t, "acquire: DynamoDB does not answer at all", func(t *testing.T, db *table) {
		db.hang["GetItem"] = func(int) bool { return true }
		start := time.Now()
		if _, err := Acquire(t.Context(), db, request("alice")); err == nil || time.Since(start) > 2*time.Minute {
			t.Errorf("error %v after %s", err, time.Since(start))
		}
	})
	for _, c := range []struct {
		name   string
		script func(*table)
		says   string
	}{
		{"renewal denied", func(db *table) { db.refuse["UpdateItem"] = always("AccessDeniedException") }, "AccessDeniedException"},
		{"renewal hangs", func(db *table) { db.hang["UpdateItem"] = func(int) bool { return true } }, "no answer within"},
		{"renewal always fails in passing", func(db *table) { db.refuse["UpdateItem"] = always("InternalServerError") }, "InternalServerError"},
	} {
		inBubble(t, c.name, func(t *testing.T, db *table) {
			c.script(db)
			var lines []string
			req := request("alice")
			req.Progress = func(line string) { lines = append(lines, line) }
			l := acquired(t, db, req)
			start := time.Now()
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(lines) != 1 || !strings.Contains(lines[0], "it cannot be renewed, and is lost in") {
				t.Errorf("the failing renewal is reported as %q", lines)
			}
			if err := l.Check(t.Context()); err != nil {
				t.Errorf("the lease is not over: %v", err)
			}
			<-l.Context().Done()
			if took := time.Since(start); took < Lease-2*margin || took > Lease-margin+time.Second {
				t.Errorf("the work was ended after %s of a lease of %s", took, Lease)
			}
			isLost(t, l, "was lost: it was not renewed in time")
			isLost(t, l, c.says)
			_ = l.Release(t.Context())
		})
	}
	inBubble(t, "renewal fails for two minutes", func(t *testing.T, db *table) {
		start := time.Now()
		db.refuse["UpdateItem"] = func(int) error {
			if time.Since(start) < 2*time.Minute {
				return rollouttest.APIError("ThrottlingException")
			}
			return nil
		}
		l := acquired(t, db, request("alice"))
		time.Sleep(10 * time.Minute)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("it passed, yet %v", err)
		}
		released(t, l)
	})
	inBubble(t, "renewal's answer is lost each time", func(t *testing.T, db *table) {
		// The lease in the table is longer than is known here: too short is safe.
		db.lose["UpdateItem"] = always("InternalServerError")
		l := acquired(t, db, request("alice"))
		<-l.Context().Done()
		isLost(t, l, "not renewed in time")
		_ = l.Release(t.Context())
	})
	inBubble(t, "taken over meanwhile", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.mu.Lock()
		db.give("bob", map[string]types.AttributeValue{"Until": number(time.Now().Add(time.Minute).Unix())})
		db.mu.Unlock()
		isLost(t, l, "it is held by bob")
		err := l.Release(t.Context())
		var lost *LostError
		if !errors.As(err, &lost) || lost.Holder != "bob" || textOf(db.item["Holder"]) != "bob" {
			t.Errorf("the lock of another was released, or nothing is said: %v, %v", err, db.item)
		}
	})
	inBubble(t, "taken over meanwhile, noticed by the renewal", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.mu.Lock()
		db.give("bob", nil)
		db.mu.Unlock()
		<-l.Context().Done()
		isLost(t, l, "it is held by bob")
		_ = l.Release(t.Context())
	})
	inBubble(t, "a paused holder wakes up", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		// The renewals stand still as in a process that is stopped.
		l.stop()
		<-l.done
		time.Sleep(Lease + time.Second)
		reads := db.calls["GetItem"]
		isLost(t, l, "not renewed in time")
		if db.calls["GetItem"] != reads {
			t.Error("it asked although its own clock says that it is over")
		}
		_ = l.Release(t.Context())
	})
	inBubble(t, "a paused holder wakes up while it asks", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		l.stop()
		<-l.done
		time.Sleep(Lease - margin - time.Second)
		db.before["GetItem"] = func(*table, int) { time.Sleep(2 * time.Second) }
		isLost(t, l, "not renewed in time")
		_ = l.Release(t.Context())
	})
	inBubble(t, "the check: a read that fails in passing", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.refuse["GetItem"] = rollouttest.Times(2, 3, "InternalServerError")
		if err := l.Check(t.Context()); err != nil {
			t.Error(err)
		}
		released(t, l)
	})
	inBubble(t, "the check: a read that is denied", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.refuse["GetItem"] = always("AccessDeniedException")
		var lost *LostError
		if err := l.Check(t.Context()); err == nil || errors.As(err, &lost) {
			t.Errorf("error %v", err)
		}
		released(t, l)
	})
	inBubble(t, "release: the answer is lost, the write is not", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.lose["UpdateItem"] = rollouttest.Times(1, 1, "InternalServerError")
		released(t, l)
		released(t, acquired(t, db, request("bob")))
	})
	inBubble(t, "release: the answer is lost, and another holder takes it", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.lose["UpdateItem"] = rollouttest.Times(1, 1, "InternalServerError")
		db.before["UpdateItem"] = func(db *table, n int) {
			if n == 2 {
				db.give("bob", nil)
			}
		}
		if err := l.Release(t.Context()); textOf(db.item["Holder"]) != "bob" {
			t.Errorf("%v: bob's lock was released", err)
		}
	})
	inBubble(t, "release: request and answer are lost", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.refuse["UpdateItem"] = rollouttest.Times(1, 2, "InternalServerError")
		released(t, l)
		if db.item["Token"] != nil {
			t.Error("it is still held")
		}
	})
	inBubble(t, "release: hangs, for one who was canceled", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.hang["UpdateItem"] = func(int) bool { return true }
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		if err := l.Release(canceled); err == nil || time.Since(start) > 2*time.Second || !strings.Contains(err.Error(), "ends by itself") {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
	inBubble(t, "release: denied", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		db.refuse["UpdateItem"] = always("AccessDeniedException")
		if err := l.Release(t.Context()); err == nil || !strings.Contains(err.Error(), "ends by itself within 3m0s") {
			t.Error(err)
		}
	})
}

// TestAbandonedLock takes over a lock that nobody renews, and none that a living
// holder renews whose clock is behind.
func TestAbandonedLock(t *testing.T) {
	t.Parallel()
	inBubble(t, "killed just now", func(t *testing.T, db *table) {
		db.give("killed", map[string]types.AttributeValue{"Until": number(time.Now().Add(Lease).Unix()), "Fence": number(7)})
		_, err := Acquire(t.Context(), db, request("bob"))
		var held *HeldError
		if !errors.As(err, &held) {
			t.Fatalf("error %v", err)
		}
		time.Sleep(Lease + time.Second)
		start := time.Now()
		l := acquired(t, db, request("bob"))
		if took := time.Since(start); took < Lease || took > Lease+10*time.Second || l.Fence() != 8 {
			t.Errorf("taken over after %s with the fencing number %d", took, l.Fence())
		}
		released(t, l)
	})
	inBubble(t, "killed yesterday", func(t *testing.T, db *table) {
		db.give("killed", map[string]types.AttributeValue{"Until": number(time.Now().Add(-24 * time.Hour).Unix())})
		start := time.Now()
		l := acquired(t, db, request("bob"))
		if took := time.Since(start); took > time.Second || l.Fence() != 1 {
			t.Errorf("taken over after %s with the fencing number %d", took, l.Fence())
		}
		released(t, l)
	})
	for _, behind := range []time.Duration{4 * time.Minute, 10 * time.Minute, 17 * time.Minute} {
		inBubble(t, "a living holder whose clock is "+behind.String()+" behind", func(t *testing.T, db *table) {
			alive := func() map[string]types.AttributeValue {
				return map[string]types.AttributeValue{"Until": number(time.Now().Add(Lease - behind).Unix())}
			}
			db.give("alice", alive())
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for ctx.Err() == nil {
					time.Sleep(renewEvery)
					db.mu.Lock()
					db.give("alice", alive())
					db.mu.Unlock()
				}
			}()
			_, err := Acquire(t.Context(), db, request("bob"))
			var held *HeldError
			if !errors.As(err, &held) || held.Holder != "alice" {
				t.Errorf("stolen from a living holder: %v", err)
			}
			cancel()
			time.Sleep(renewEvery)
		})
	}
	inBubble(t, "released while it is observed", func(t *testing.T, db *table) {
		db.give("alice", map[string]types.AttributeValue{"Until": number(time.Now().Unix() - 1)})
		time.AfterFunc(20*time.Second, func() {
			db.mu.Lock()
			defer db.mu.Unlock()
			delete(db.item, "Token")
		})
		start := time.Now()
		l := acquired(t, db, request("bob"))
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("taken after %s", took)
		}
		released(t, l)
	})
	inBubble(t, "given up while it is observed", func(t *testing.T, db *table) {
		db.give("alice", map[string]types.AttributeValue{"Until": number(time.Now().Unix() - 1)})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := Acquire(ctx, db, request("bob")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "which alice holds") {
			t.Errorf("error %v", err)
		}
	})
	inBubble(t, "two observe it", func(t *testing.T, db *table) {
		db.give("killed", map[string]types.AttributeValue{"Until": number(time.Now().Unix() - 1)})
		got := make(chan error, 2)
		for _, holder := range []string{"bob", "carol"} {
			go func() {
				l, err := Acquire(t.Context(), db, request(holder))
				if err == nil {
					defer func() { time.Sleep(time.Minute); released(t, l) }()
				}
				got <- err
			}()
		}
		first, second := <-got, <-got
		var held *HeldError
		if (first == nil) == (second == nil) || !errors.As(errors.Join(first, second), &held) {
			t.Errorf("%v and %v", first, second)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestForceRelease(t *testing.T) {
	t.Parallel()
	inBubble(t, "by its id", func(t *testing.T, db *table) {
		l := acquired(t, db, request("alice"))
		held, err := Inspect(t.Context(), db, "lock", "deploy/sensor-dev")
		if err != nil || held == nil || held.ID != l.ID() || held.Holder != "alice" {
			t.Fatalf("%v, %v", held, err)
		}
		if err := ForceRelease(t.Context(), db, "lock", "deploy/sensor-dev", "other"); err == nil || !strings.Contains(err.Error(), "the id is not other") {
			t.Errorf("error %v", err)
		}
		if err := ForceRelease(t.Context(), db, "lock", "deploy/sensor-dev", held.ID); err != nil {
			t.Error(err)
		}
		isLost(t, l, "it was released by hand")
		if err := ForceRelease(t.Context(), db, "lock", "deploy/sensor-dev", held.ID); err == nil || !strings.Contains(err.Error(), "nobody holds the lock") {
			t.Errorf("error %v", err)
		}
		if held, err := Inspect(t.Context(), db, "lock", "deploy/sensor-dev"); held != nil || err != nil {
			t.Errorf("%v, %v", held, err)
		}
		_ = l.Release(t.Context())
	})
	inBubble(t, "its answer is lost", func(t *testing.T, db *table) {
		db.give("alice", nil)
		db.lose["UpdateItem"] = always("InternalServerError")
		if err := ForceRelease(t.Context(), db, "lock", "deploy/sensor-dev", "token of alice"); err != nil || db.item["Token"] != nil {
			t.Errorf("%v, %v", err, db.item)
		}
	})
	inBubble(t, "denied", func(t *testing.T, db *table) {
		db.give("alice", nil)
		db.refuse["UpdateItem"] = always("AccessDeniedException")
		if err := ForceRelease(t.Context(), db, "lock", "deploy/sensor-dev", "token of alice"); err == nil {
			t.Error("it says that it was released")
		}
	})
}

// TestReadsAnOlderLock understands the items of versions without a fencing number.
func TestReadsAnOlderLock(t *testing.T) {
	t.Parallel()
	inBubble(t, "held", func(t *testing.T, db *table) {
		db.give("alice", map[string]types.AttributeValue{"Since": number(0), "Until": number(time.Now().Add(time.Minute).Unix())})
		_, err := Acquire(t.Context(), db, request("bob"))
		var held *HeldError
		if !errors.As(err, &held) || held.Holder != "alice" {
			t.Errorf("error %v", err)
		}
	})
}

func TestNoTable(t *testing.T) {
	t.Parallel()
	inBubble(t, "missing", func(t *testing.T, db *table) {
		db.refuse["GetItem"] = func(int) error { return &types.ResourceNotFoundException{} }
		if _, err := Acquire(t.Context(), db, request("x")); err == nil || !strings.Contains(err.Error(), "run setup-backend once") {
			t.Errorf("error %v", err)
		}
	})
}
