package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sensor-backend/bootstrap/internal/cache"
)

// TestMain lets the test's own program be the launcher.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "launch-for-test" {
		if err := Launch(os.Args[2:]); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(7)
		}
	}
	os.Exit(m.Run())
}

const statLine = "812 (a (strange) name) S 1 812 812 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 8548352 2 18446744073709551615"

func TestParseStat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		want Stat
		ok   bool
	}{
		"plain":              {"7 (sh) R 1 7 9 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 42 8 2", Stat{"R", 9, 42}, true},
		"brackets and space": {statLine, Stat{"S", 812, 98765}, true},
		"no name":            {"7 sh R 1", Stat{}, false},
		"cut short":          {"7 (sh) R 1 7 7", Stat{}, false},
		"start no number":    {"7 (sh) R 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 soon 8 2", Stat{}, false},
		"session no number":  {"7 (sh) R 1 7 x 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 42 8 2", Stat{}, false},
		"empty":              {"", Stat{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseStat(c.line)
			if (err == nil) != c.ok || got != c.want {
				t.Errorf("ParseStat = %+v, %v", got, err)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add(statLine)
	f.Add(")")
	f.Add("1 (x) Z " + strings.Repeat("0 ", 30))
	f.Fuzz(func(t *testing.T, line string) {
		if stat, err := ParseStat(line); err == nil && stat.State == "" {
			t.Error("parsed without a state")
		}
	})
}

func TestAliveTellsProcessesApart(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, filepath.Join(root, "sys/kernel/random/boot_id"), "boot-1\n")
	put(t, filepath.Join(root, "812/stat"), statLine)
	put(t, filepath.Join(root, "813/stat"), strings.Replace(statLine, ") S ", ") Z ", 1))
	table := Table{Root: root}
	for name, c := range map[string]struct {
		id   ID
		want bool
	}{
		"the same":           {ID{812, 98765, "boot-1"}, true},
		"number used again":  {ID{812, 98764, "boot-1"}, false},
		"before the reboot":  {ID{812, 98765, "boot-0"}, false},
		"gone":               {ID{900, 98765, "boot-1"}, false},
		"ended, not awaited": {ID{813, 98765, "boot-1"}, false},
	} {
		if got := table.Alive(c.id); got != c.want {
			t.Errorf("%s: Alive = %t", name, got)
		}
	}
}

func TestStartStop(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	spec := Spec{Name: "sleeper", Key: "k1", Path: "/bin/sleep", Args: []string{"300"}}
	rec, err := m.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(rec.ID.PID, syscall.SIGKILL) })
	got, running := m.Running("sleeper")
	if !running || got.ID != rec.ID || got.Key != "k1" {
		t.Fatalf("Running = %+v, %t", got, running)
	}
	if sid, err := session(rec.ID.PID); err != nil || sid != rec.ID.PID {
		t.Errorf("session %d, %v: the process would die with the shell", sid, err)
	}
	stopped, err := m.Stop("sleeper", 5*time.Second)
	if err != nil || !stopped {
		t.Fatalf("Stop = %t, %v", stopped, err)
	}
	if _, running := m.Running("sleeper"); running {
		t.Error("still running")
	}
	if stopped, err := m.Stop("sleeper", time.Second); err != nil || stopped {
		t.Errorf("second Stop = %t, %v", stopped, err)
	}
}

// A helper that outlives its killed parent must go before the next start.
func TestStopEndsWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	file := filepath.Join(t.TempDir(), "helper")
	script := "sleep 300 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; wait"
	rec, err := m.Start(t.Context(), Spec{Name: "parent", Path: "/bin/sh", Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	var helper ID
	for helper.PID == 0 {
		content, err := os.ReadFile(file)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err != nil {
			t.Fatal(err)
		}
		if helper, err = m.Table.Identify(pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(rec.ID.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for m.Table.Alive(rec.ID) {
		time.Sleep(time.Millisecond)
	}
	if stopped, err := m.Stop("parent", 5*time.Second); err != nil || stopped {
		t.Errorf("Stop = %t, %v; want nothing to stop", stopped, err)
	}
	if m.Table.Alive(helper) {
		t.Error("the helper still runs")
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	line := func(pid, session, start int, state string) {
		put(t, filepath.Join(root, strconv.Itoa(pid), "stat"),
			fmt.Sprintf("%d (x) %s 1 1 %d 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 %d 8 2", pid, state, session, start))
	}
	put(t, filepath.Join(root, "sys/kernel/random/boot_id"), "boot-1\n")
	line(10, 10, 500, "S")
	line(11, 10, 600, "S")
	line(12, 10, 400, "S") // older than its leader: of an earlier session
	line(13, 13, 700, "S")
	line(14, 10, 700, "Z")
	table := Table{Root: root}
	for name, c := range map[string]struct {
		leader ID
		want   int
	}{
		"a running leader":     {ID{10, 500, "boot-1"}, 1},
		"the number is reused": {ID{10, 499, "boot-1"}, 0},
		"before the reboot":    {ID{20, 500, "boot-0"}, 0},
	} {
		if got, err := table.Session(c.leader); err != nil || len(got) != c.want {
			t.Errorf("%s: %v, %v; want %d", name, got, err, c.want)
		}
	}
}

func TestStartOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	if _, err := m.Start(t.Context(), Spec{Name: "none", Path: "/no/such/program"}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Start = %v", err)
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	ready := filepath.Join(t.TempDir(), "ready")
	rec, err := m.Start(t.Context(), Spec{Name: "deaf", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; touch " + ready + "; while :; do sleep 1; done"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-rec.ID.PID, syscall.SIGKILL) })
	for {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if stopped, err := m.Stop("deaf", 100*time.Millisecond); err != nil || !stopped {
		t.Fatalf("Stop = %t, %v", stopped, err)
	}
}

// A record may point to a number that another process has by now.
func TestStopLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	other := exec.Command("/bin/sleep", "300")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	put(t, m.recordPath("engine"), fmt.Sprintf(`{"id":{"pid":%d,"start_ticks":1,"boot_id":"x"}}`, other.Process.Pid))
	if stopped, err := m.Stop("engine", time.Second); err != nil || stopped {
		t.Fatalf("Stop = %t, %v", stopped, err)
	}
	if _, err := m.Table.Identify(other.Process.Pid); err != nil {
		t.Errorf("the other process is gone: %v", err)
	}
}

func TestLaunchEndsWhenTheStarterIsGone(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(t.TempDir(), "began")
	gates, err := newGates()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "launch-for-test", "/usr/bin/touch", mark)
	cmd.ExtraFiles = gates.forChild()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gates.close()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("launch ended with %v, want its own failure", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the program began without a record")
	}
}

func newManager(t *testing.T) Manager {
	t.Helper()
	dir := cache.Dir(t.TempDir())
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	return Manager{Cache: dir, Table: System(), Now: time.Now, Launcher: []string{os.Args[0], "launch-for-test"}}
}

func session(pid int) (int, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(content)[strings.LastIndexByte(string(content), ')')+1:])
	return strconv.Atoi(fields[3])
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
