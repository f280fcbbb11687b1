package procstat_test

import (
	"os"
	"testing"

	"sensor-backend/services/internal/procstat"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell the memory of a process")
	}
	now, err := procstat.Bytes(os.Getpid(), procstat.Now)
	if err != nil || now < 1<<20 {
		t.Errorf("%d bytes, %v", now, err)
	}
	if peak, err := procstat.Bytes(os.Getpid(), procstat.Peak); err != nil || peak < 1<<20 {
		t.Errorf("peak %d bytes, %v", peak, err)
	}
	if _, err := procstat.Bytes(-1, procstat.Now); err == nil {
		t.Error("there is no process -1")
	}
	if _, err := procstat.Bytes(os.Getpid(), "VmNone:"); err == nil {
		t.Error("there is no figure VmNone")
	}
}
