package pgtest

import (
	"strings"
	"testing"
)

func TestFindSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	if _, err := find("no-such-program"); err == nil || !strings.Contains(err.Error(), "install PostgreSQL") {
		t.Errorf("got %v", err)
	}
}
