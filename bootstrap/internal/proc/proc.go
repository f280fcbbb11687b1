// Package proc starts long-lived processes and finds exactly them again.
//
// A process number alone says little: numbers are used again. A process is
// known here by its number, the tick at which it started and the boot it
// belongs to; only when all three fit is it the one that was started.
package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sensor-backend/bootstrap/internal/cache"
)

// ID identifies a process beyond the reuse of its number.
type ID struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"start_ticks"`
	BootID string `json:"boot_id"`
}

// Record is what is kept about a started process.
type Record struct {
	ID      ID        `json:"id"`
	Key     string    `json:"key"`
	Program string    `json:"program"`
	Started time.Time `json:"started"`
}

// Table reads process facts; Root is /proc except in tests.
type Table struct{ Root string }

// System is the machine's own table.
func System() Table { return Table{Root: "/proc"} }

// Identify gives the identity of a running process.
func (t Table) Identify(pid int) (ID, error) {
	content, err := os.ReadFile(filepath.Join(t.Root, strconv.Itoa(pid), "stat"))
	if err != nil {
		return ID{}, fmt.Errorf("read the state of process %d: %w", pid, err)
	}
	stat, err := ParseStat(string(content))
	if err != nil {
		return ID{}, fmt.Errorf("process %d: %w", pid, err)
	}
	if stat.Ended() {
		return ID{}, fmt.Errorf("process %d has ended: %w", pid, os.ErrNotExist)
	}
	boot, err := os.ReadFile(filepath.Join(t.Root, "sys/kernel/random/boot_id"))
	if err != nil {
		return ID{}, fmt.Errorf("read the boot id: %w", err)
	}
	return ID{PID: pid, Start: stat.Start, BootID: strings.TrimSpace(string(boot))}, nil
}

// Alive says whether the very process runs.
func (t Table) Alive(id ID) bool {
	now, err := t.Identify(id.PID)
	return err == nil && now == id
}

// Session gives the processes of the session that the process began, without
// itself: all that it started and that did not begin a session of its own. It
// gives none when the number has gone to another process since, or the machine
// was started anew.
func (t Table) Session(leader ID) ([]ID, error) {
	now, err := t.Identify(leader.PID)
	if err == nil && now != leader {
		return nil, nil
	}
	entries, err := os.ReadDir(t.Root)
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var members []ID
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == leader.PID {
			continue
		}
		id, err := t.Identify(pid)
		if err != nil || id.BootID != leader.BootID || id.Start < leader.Start {
			continue
		}
		content, err := os.ReadFile(filepath.Join(t.Root, entry.Name(), "stat"))
		if err != nil {
			continue
		}
		if stat, err := ParseStat(string(content)); err == nil && stat.Session == leader.PID {
			members = append(members, id)
		}
	}
	return members, nil
}

// Stat is what is used of a line of /proc/PID/stat.
type Stat struct {
	State   string
	Session int
	// Start is the tick after boot at which the process started.
	Start uint64
}

// Ended says that the process only waits for its parent to take note.
func (s Stat) Ended() bool { return s.State == "Z" || s.State == "X" }

// ParseStat reads a line of /proc/PID/stat. The program's name in it may hold
// spaces and brackets.
func ParseStat(line string) (Stat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return Stat{}, errors.New("no program name in the state line")
	}
	fields := strings.Fields(line[end+1:])
	const sessionField, startField = 3, 19
	if len(fields) <= startField {
		return Stat{}, fmt.Errorf("state line has %d fields after the name, want at least %d", len(fields), startField+1)
	}
	session, err := strconv.Atoi(fields[sessionField])
	if err != nil {
		return Stat{}, fmt.Errorf("session: %w", err)
	}
	start, err := strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("start time: %w", err)
	}
	return Stat{State: fields[0], Session: session, Start: start}, nil
}

// Manager keeps the records of started processes.
type Manager struct {
	Cache cache.Dir
	Table Table
	Now   func() time.Time
	// Launcher is the command that calls Launch with the arguments after it.
	Launcher []string
}

// Spec says what to start.
type Spec struct {
	Name string
	// Key changes when the process must be started anew.
	Key  string
	Path string
	Args []string
	Env  []string
	// OwnMounts gives the process a mount namespace of its own, from which
	// no mount reaches the machine.
	OwnMounts bool
}

// Running gives the record of the named process if it runs.
func (m Manager) Running(name string) (Record, bool) {
	var rec Record
	content, err := os.ReadFile(m.recordPath(name))
	if err != nil || json.Unmarshal(content, &rec) != nil {
		return Record{}, false
	}
	return rec, m.Table.Alive(rec.ID)
}

// LogPath is where the named process writes.
func (m Manager) LogPath(name string) string {
	return filepath.Join(m.Cache.Logs(), name+"-process.log")
}

// tailLines is how many lines of a log an error shows.
const tailLines = 15

// LogTail is the end of what the named process wrote, for an error; empty if there
// is nothing to read.
func (m Manager) LogTail(name string) string {
	raw, err := os.ReadFile(m.LogPath(name))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// Start starts the process in a session of its own, so that it outlives the
// shell, and records it. The process does not begin before it is recorded: if
// this program dies in between, the process ends as well.
func (m Manager) Start(ctx context.Context, spec Spec) (Record, error) {
	log, err := os.OpenFile(m.LogPath(spec.Name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return Record{}, fmt.Errorf("open the log of %s: %w", spec.Name, err)
	}
	defer func() { _ = log.Close() }()
	gates, err := newGates()
	if err != nil {
		return Record{}, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer gates.close()
	words := append(append(m.Launcher[1:len(m.Launcher):len(m.Launcher)], spec.Path), spec.Args...)
	// It must outlive whoever started it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), m.Launcher[0], words...)
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = gates.forChild()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if spec.OwnMounts {
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	if err := cmd.Start(); err != nil {
		return Record{}, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	// Nobody else waits for it: without this it would stay a zombie, and
	// look alive, if it ended while this program still runs.
	go func() { _ = cmd.Wait() }()
	rec := Record{Key: spec.Key, Program: spec.Path, Started: m.Now()}
	rec.ID, err = m.Table.Identify(cmd.Process.Pid)
	if err != nil {
		return Record{}, fmt.Errorf("start %s: %w; see %s", spec.Name, err, m.LogPath(spec.Name))
	}
	content, err := json.Marshal(rec)
	if err == nil {
		err = m.Cache.WriteFile(m.recordPath(spec.Name), content, 0o644)
	}
	if err != nil {
		return Record{}, fmt.Errorf("record %s: %w", spec.Name, err)
	}
	if err := gates.open(); err != nil {
		return Record{}, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return rec, nil
}

// Stop ends the named process if it is the one that was started, then what is
// left of what it started itself, and forgets it. It reports whether there was
// one to stop.
func (m Manager) Stop(name string, patience time.Duration) (bool, error) {
	rec, alive := m.Running(name)
	if alive {
		if err := m.end(rec.ID, patience); err != nil {
			return true, fmt.Errorf("stop %s (process %d): %w", name, rec.ID.PID, err)
		}
	}
	if rec.ID.PID != 0 {
		left, err := m.Table.Session(rec.ID)
		if err != nil {
			return alive, err
		}
		for _, id := range left {
			if err := m.end(id, patience); err != nil {
				return alive, fmt.Errorf("stop process %d, left behind by %s: %w", id.PID, name, err)
			}
		}
	}
	if err := os.Remove(m.recordPath(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return alive, fmt.Errorf("forget %s: %w", name, err)
	}
	return alive, nil
}

// deathTime is how long a killed process may take to be gone on a busy machine.
const deathTime = 10 * time.Second

func (m Manager) end(id ID, patience time.Duration) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if signal == syscall.SIGKILL {
			patience = max(patience, deathTime)
		}
		if err := syscall.Kill(id.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		deadline := m.Now().Add(patience)
		for m.Table.Alive(id) {
			if m.Now().After(deadline) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !m.Table.Alive(id) {
			return nil
		}
	}
	return errors.New("it does not end, not even when killed; look at its state in ps")
}

func (m Manager) recordPath(name string) string {
	return filepath.Join(m.Cache.Processes(), name+".json")
}
