// Package aptsrc reads where this machine takes its Debian packages from, so
// that root file systems are built from the same place.
package aptsrc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is one source of packages.
type Entry struct {
	URI        string
	Suite      string
	Components []string
	SignedBy   string
	Trusted    bool
}

// Line writes the entry in the one-line style.
func (e Entry) Line() string {
	var options []string
	if e.SignedBy != "" {
		options = append(options, "signed-by="+e.SignedBy)
	}
	if e.Trusted {
		options = append(options, "trusted=yes")
	}
	line := "deb "
	if len(options) > 0 {
		line += "[" + strings.Join(options, " ") + "] "
	}
	return line + strings.Join(append([]string{e.URI, e.Suite}, e.Components...), " ")
}

// Sources is what a machine uses.
type Sources struct{ Entries []Entry }

// Read parses the configuration below an apt directory, /etc/apt as a rule.
func Read(dir string) (Sources, error) {
	var all Sources
	files, err := filepath.Glob(filepath.Join(dir, "sources.list.d", "*"))
	if err != nil {
		return all, fmt.Errorf("list the package sources: %w", err)
	}
	slices.Sort(files)
	for _, file := range append([]string{filepath.Join(dir, "sources.list")}, files...) {
		parse := ParseList
		switch filepath.Ext(file) {
		case ".list":
		case ".sources":
			parse = ParseDeb822
		default:
			continue
		}
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("read the package sources: %w", err)
		}
		entries, err := parse(string(content))
		if err != nil {
			return all, fmt.Errorf("%s: %w", file, err)
		}
		all.Entries = append(all.Entries, entries...)
	}
	for i, e := range all.Entries {
		uri, err := resolveMirrorFile(e.URI)
		if err != nil {
			return all, err
		}
		all.Entries[i].URI = uri
	}
	return all, nil
}

// ParseDeb822 parses the stanza style of *.sources files. Sources of source
// packages and disabled stanzas are left out.
func ParseDeb822(content string) ([]Entry, error) {
	var entries []Entry
	for number, stanza := range stanzas(content) {
		if !slices.Contains(strings.Fields(stanza["types"]), "deb") || isNo(stanza["enabled"]) {
			continue
		}
		uris, suites := strings.Fields(stanza["uris"]), strings.Fields(stanza["suites"])
		if len(uris) == 0 || len(suites) == 0 {
			return nil, fmt.Errorf("stanza %d: URIs or Suites is missing", number+1)
		}
		signedBy := stanza["signed-by"]
		if !filepath.IsAbs(signedBy) {
			// A key written into the stanza itself; apt's own keys serve.
			signedBy = ""
		}
		for _, uri := range uris {
			for _, suite := range suites {
				entries = append(entries, Entry{
					URI:        uri,
					Suite:      suite,
					Components: strings.Fields(stanza["components"]),
					SignedBy:   signedBy,
					Trusted:    isYes(stanza["trusted"]),
				})
			}
		}
	}
	return entries, nil
}

// ParseList parses the one-line style of *.list files.
func ParseList(content string) ([]Entry, error) {
	var entries []Entry
	for number, line := range strings.Split(content, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		rest, isDeb := strings.CutPrefix(line, "deb ")
		if !isDeb {
			if tabbed, ok := strings.CutPrefix(line, "deb\t"); ok {
				rest, isDeb = tabbed, true
			}
		}
		if !isDeb {
			continue
		}
		var entry Entry
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				return nil, fmt.Errorf("line %d: the options' bracket is not closed", number+1)
			}
			rest = after
			for _, option := range strings.Fields(options) {
				name, value, _ := strings.Cut(option, "=")
				switch strings.ToLower(name) {
				case "signed-by":
					entry.SignedBy = value
				case "trusted":
					entry.Trusted = isYes(value)
				}
			}
		}
		fields := strings.Fields(rest)
		if len(fields) < 2 {
			return nil, fmt.Errorf("line %d: want an address and a suite", number+1)
		}
		entry.URI, entry.Suite, entry.Components = fields[0], fields[1], fields[2:]
		entries = append(entries, entry)
	}
	return entries, nil
}

// ErrNoDebian says that the machine's sources name no Debian archive.
var ErrNoDebian = errors.New("the package sources name no Debian archive; this needs Debian, or Docker and dagger")

// Archive finds the entry of Debian's own archive for the release named by
// codename: the one whose suite is the bare codename.
func (s Sources) Archive(codename string) (Entry, error) {
	for _, e := range s.Entries {
		if e.Suite == codename && slices.Contains(e.Components, "main") {
			return e, nil
		}
	}
	return Entry{}, ErrNoDebian
}

// ForSuite gives the entries to build a root of the suite from, on a machine
// of the given codename: the same addresses, for the suite and, where the
// machine has them, its updates and security fixes.
func (s Sources) ForSuite(codename, suite string) ([]Entry, error) {
	archive, err := s.Archive(codename)
	if err != nil {
		return nil, err
	}
	archive.Suite, archive.Components = suite, []string{"main"}
	entries := []Entry{archive}
	if suite == "sid" {
		return entries, nil
	}
	for _, extra := range []string{"-updates", "-security"} {
		for _, e := range s.Entries {
			if e.Suite == codename+extra && slices.Contains(e.Components, "main") {
				e.Suite, e.Components = suite+extra, []string{"main"}
				entries = append(entries, e)
				break
			}
		}
	}
	return entries, nil
}

// Lines writes entries in the one-line style.
func Lines(entries []Entry) []string {
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = e.Line()
	}
	return lines
}

// keptSettings are the settings of apt that decide whether this machine can
// use its sources at all.
var keptSettings = map[string]bool{
	"acquire::check-valid-until": true,
	"acquire::check-date":        true,
	"acquire::http::proxy":       true,
	"acquire::https::proxy":      true,
}

// Settings picks from the output of `apt-config dump` the settings that a root
// file system must share, each as apt.conf writes it.
func Settings(dump string) []string {
	var kept []string
	scanner := bufio.NewScanner(strings.NewReader(dump))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		name, value, ok := strings.Cut(line, " ")
		if ok && keptSettings[strings.ToLower(name)] && value != `"";` {
			kept = append(kept, line)
		}
	}
	return kept
}

// Codename reads VERSION_CODENAME from the content of /etc/os-release.
func Codename(osRelease string) (string, error) {
	for line := range strings.Lines(osRelease) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", errors.New("the system's os-release names no codename; this needs Debian, or Docker and dagger")
}

// stanzas splits deb822 text into fields by lower-case name. A line that
// begins with a space goes on with the field before it.
func stanzas(content string) []map[string]string {
	var all []map[string]string
	current := map[string]string{}
	field := ""
	flush := func() {
		if len(current) > 0 {
			all = append(all, current)
		}
		current, field = map[string]string{}, ""
	}
	for line := range strings.Lines(content) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if field != "" {
				current[field] += " " + strings.TrimSpace(line)
			}
		default:
			name, value, _ := strings.Cut(line, ":")
			field = strings.ToLower(strings.TrimSpace(name))
			current[field] = strings.TrimSpace(value)
		}
	}
	flush()
	return all
}

// resolveMirrorFile replaces the address of a mirror list by its first mirror.
func resolveMirrorFile(uri string) (string, error) {
	path, ok := strings.CutPrefix(uri, "mirror+file:")
	if !ok {
		return uri, nil
	}
	content, err := os.ReadFile(strings.Replace(path, "///", "/", 1))
	if err != nil {
		return "", fmt.Errorf("read the mirror list: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			return fields[0], nil
		}
	}
	return "", fmt.Errorf("mirror list %s is empty", path)
}

func isYes(value string) bool {
	return slices.Contains([]string{"yes", "true", "1", "on", "enable", "with"}, strings.ToLower(value))
}

func isNo(value string) bool {
	return slices.Contains([]string{"no", "false", "0", "off", "disable", "without"}, strings.ToLower(value))
}
