package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sensor-backend/emulator/internal/testimage"
)

func TestMain(m *testing.M) {
	if err := BecomeReaper(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var program struct {
	sync.Once
	content []byte
}

// newRoot makes a root with the test application, a user and a group.
func newRoot(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root directory of a process")
	}
	program.Do(func() {
		content, err := os.ReadFile(testimage.Binary(t))
		if err != nil {
			t.Fatal(err)
		}
		program.content = content
	})
	root := t.TempDir()
	for name, content := range map[string][]byte{
		"bin/testapp":    program.content,
		"testapp":        program.content,
		"etc/passwd":     []byte("root:x:0:0::/:\nweb:x:1234:5678::/:\nshort:x\nodd:x:many:0::/:\n"),
		"etc/group":      []byte("root:x:0:\nstaff:x:4321:\nodd:x:many:\n"),
		"desk/empty":     nil,
		"usr/bin/script": []byte("#!/bin/none\n"),
	} {
		place := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), os.WriteFile(place, content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	// t.TempDir's parents are closed to other users, and chroot is past them.
	if err := errors.Join(Furnish(root), os.Chmod(root, 0o755)); err != nil {
		t.Fatal(err)
	}
	return root
}

func start(t *testing.T, spec Spec) *Process {
	t.Helper()
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(syscall.SIGKILL, 0) })
	return p
}

func wait(t *testing.T, p *Process) int {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the process does not end")
	}
	return p.ExitCode()
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for _, code := range []int{0, 1, 3, 255} {
		if got := wait(t, start(t, Spec{Root: root, Args: []string{"/testapp", "exit", strconv.Itoa(code)}})); got != code {
			t.Errorf("got %d, want %d", got, code)
		}
	}
	p := start(t, Spec{Root: root, Args: []string{"/testapp", "sleep"}})
	p.Signal(syscall.SIGKILL)
	if got := wait(t, p); got != 137 {
		t.Errorf("killed, it ended with %d, want 137", got)
	}
}

func TestUsersAndDirectories(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for i, c := range []struct {
		user string
		uid  int
		gid  int
	}{{"", 0, 0}, {"65532:65532", 65532, 65532}, {"65532", 65532, 0}, {"web", 1234, 5678}, {"1234", 1234, 5678}, {"web:staff", 1234, 4321}, {"web:7", 1234, 7}} {
		var out bytes.Buffer
		name := "tmp/" + strconv.Itoa(i)
		p := start(t, Spec{Root: root, User: c.user, Args: []string{"testapp", "write", "/" + name}, Stdout: &out})
		if got := wait(t, p); got != 0 {
			t.Errorf("as %q: %d, %s", c.user, got, &out)
			continue
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != c.uid || int(stat.Gid) != c.gid {
			t.Errorf("%q wrote as %d:%d, want %d:%d", c.user, stat.Uid, stat.Gid, c.uid, c.gid)
		}
	}
}

func TestWorkingDirectory(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	if got := wait(t, start(t, Spec{Root: root, Dir: "/desk", Args: []string{"../testapp", "write", "here"}})); got != 0 {
		t.Fatalf("it ended with %d", got)
	}
	if _, err := os.Stat(filepath.Join(root, "desk/here")); err != nil {
		t.Errorf("it wrote somewhere else: %v", err)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"no command", Spec{}, "neither entry point nor command"},
		{"not in PATH", Spec{Args: []string{"nothing"}}, `exec: "nothing": executable file not found in $PATH`},
		{"not in the given PATH", Spec{Args: []string{"testapp"}, Env: []string{"PATH=/usr/bin"}}, "executable file not found"},
		{"not there", Spec{Args: []string{"/nothing"}}, `exec: "/nothing"`},
		{"no program", Spec{Args: []string{"/desk/empty"}}, "exec format error"},
		{"no interpreter", Spec{Args: []string{"/usr/bin/script"}}, "no such file"},
		{"a directory", Spec{Args: []string{"/desk"}}, "permission denied"},
		{"unknown user", Spec{Args: []string{"/testapp"}, User: "nobody"}, "unable to find user nobody"},
		{"unknown group", Spec{Args: []string{"/testapp"}, User: "web:none"}, "unable to find group none"},
		{"damaged user", Spec{Args: []string{"/testapp"}, User: "odd"}, "the passwd file's number for user odd"},
		{"damaged group", Spec{Args: []string{"/testapp"}, User: "web:odd"}, "the group file's number for group odd"},
		{"no such directory", Spec{Args: []string{"/testapp"}, Dir: "/none"}, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Root = root
			p, err := Start(c.spec)
			if err == nil {
				p.Stop(syscall.SIGKILL, 0)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestProgramThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	writer, err := os.OpenFile(filepath.Join(root, "testapp"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Spec{Root: root, Args: []string{"/testapp", "exit", "0"}}); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("while it is written: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = writer.Close() })
	if got := wait(t, start(t, Spec{Root: root, Args: []string{"/testapp", "exit", "0"}})); got != 0 {
		t.Errorf("it ended with %d", got)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	t.Run("a program that listens", func(t *testing.T) {
		p := start(t, Spec{Root: root, Args: []string{"/testapp", "sleep"}})
		p.Stop(syscall.SIGTERM, 20*time.Second)
		if got := p.ExitCode(); got != 128+int(syscall.SIGTERM) {
			t.Errorf("it ended with %d", got)
		}
		p.Stop(syscall.SIGTERM, time.Second) // a second time does nothing
		p.Signal(syscall.SIGTERM)
	})
	t.Run("one that does not", func(t *testing.T) {
		out := &notifier{said: make(chan struct{})}
		p := start(t, Spec{Root: root, Args: []string{"/testapp", "ignore"}, Stdout: out})
		<-out.said
		p.Stop(syscall.SIGTERM, 50*time.Millisecond)
		if got := p.ExitCode(); got != 137 {
			t.Errorf("it ended with %d", got)
		}
	})
	t.Run("one that is suspended", func(t *testing.T) {
		p := start(t, Spec{Root: root, Args: []string{"/testapp", "sleep"}})
		p.Signal(syscall.SIGSTOP)
		p.Stop(syscall.SIGTERM, 20*time.Second)
		if got := p.ExitCode(); got != 128+int(syscall.SIGTERM) {
			t.Errorf("it ended with %d", got)
		}
	})
}

// notifier tells when something was written.
type notifier struct {
	once sync.Once
	said chan struct{}
}

func (n *notifier) Write(p []byte) (int, error) {
	n.once.Do(func() { close(n.said) })
	return len(p), nil
}

func TestOrphansEnd(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	var out bytes.Buffer
	p := start(t, Spec{Root: root, Args: []string{"/testapp", "spawn"}, Stdout: &out})
	if got := wait(t, p); got != 0 {
		t.Fatalf("it ended with %d: %s", got, &out)
	}
	child, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its child %d still lives: %v", child, err)
	}
}

// TestFurnishStaysInside furnishes images whose directories are links out.
func TestFurnishStaysInside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"etc", "dev", "proc", "tmp"} {
		base := t.TempDir()
		outside, root := filepath.Join(base, "outside"), filepath.Join(base, "root")
		if err := errors.Join(os.Mkdir(outside, 0o700), os.Mkdir(root, 0o755), os.Symlink(outside, filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
		if err := Furnish(root); err == nil {
			t.Errorf("a /%s that leads outside was furnished", name)
		}
		info, err := os.Stat(outside)
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 || info.Mode().Perm() != 0o700 {
			t.Errorf("through /%s it made %v, mode %v", name, entries, info.Mode())
		}
	}
}

func TestGetenv(t *testing.T) {
	t.Parallel()
	env := []string{"A=1", "B=", "A=2", "AB=3"}
	for name, want := range map[string]string{"A": "2", "B": "", "C": "none", "AB": "3"} {
		if got := Getenv(env, name, "none"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
