package proc

import (
	"os"
	"strings"
	"testing"

	"sensor-backend/bootstrap/internal/cache"
)

func TestLogTail(t *testing.T) {
	t.Parallel()
	m := Manager{Cache: cache.Dir(t.TempDir())}
	if got := m.LogTail("engine"); got != "" {
		t.Errorf("of a process that never ran: %q", got)
	}
	if err := os.MkdirAll(m.Cache.Logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.LogPath("engine"), []byte(strings.Repeat("before\n", 50)+"last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := m.LogTail("engine"); strings.Count(got, "\n") != tailLines-1 || !strings.HasSuffix(got, "\nlast") {
		t.Errorf("%q", got)
	}
}
