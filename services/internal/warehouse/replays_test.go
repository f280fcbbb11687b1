package warehouse

import "testing"

func TestReplays(t *testing.T) {
	t.Parallel()
	var r replays
	if r.likely() {
		t.Error("none has come yet")
	}
	for range 2 {
		r.met()
		for i := range watchful {
			if !r.likely() {
				t.Fatalf("insert %d after some were met does not look for more", i)
			}
		}
		for range 3 {
			if r.likely() {
				t.Error("none has come for long")
			}
		}
	}
}
