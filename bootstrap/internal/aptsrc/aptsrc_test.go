package aptsrc

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const deb822 = `# made by the installer
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example
Suites: x

Types: deb
URIs: http://own.example
Suites: ./
Trusted: yes
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
`

func TestParseDeb822(t *testing.T) {
	t.Parallel()
	got, err := ParseDeb822(deb822)
	if err != nil {
		t.Fatal(err)
	}
	const key = "/usr/share/keyrings/debian-archive-keyring.gpg"
	want := []Entry{
		{URI: "http://mirror.example/debian", Suite: "bookworm", Components: []string{"main", "contrib"}, SignedBy: key},
		{URI: "http://mirror.example/debian", Suite: "bookworm-updates", Components: []string{"main", "contrib"}, SignedBy: key},
		{URI: "http://mirror.example/debian-security", Suite: "bookworm-security", Components: []string{"main"}},
		{URI: "http://own.example", Suite: "./", Components: []string{}, Trusted: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := ParseDeb822("Types: deb\nSuites: x\n"); err == nil {
		t.Error("a stanza without an address is not an error")
	}
}

func TestParseList(t *testing.T) {
	t.Parallel()
	got, err := ParseList(`
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # the archive
deb-src http://mirror.example/debian bookworm main
deb	[ arch=amd64 signed-by=/k.gpg ]  http://mirror.example/security bookworm-security main
deb [trusted=yes] http://own.example ./
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{URI: "http://mirror.example/debian", Suite: "bookworm", Components: []string{"main", "contrib"}},
		{URI: "http://mirror.example/security", Suite: "bookworm-security", Components: []string{"main"}, SignedBy: "/k.gpg"},
		{URI: "http://own.example", Suite: "./", Components: []string{}, Trusted: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, bad := range []string{"deb http://only.example", "deb [signed-by=/k http://x y"} {
		if _, err := ParseList(bad); err == nil {
			t.Errorf("%q is not an error", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(deb822)
	f.Add("deb [a=b] http://x y z")
	f.Add("deb [")
	f.Add(" goes on\nURIs")
	f.Fuzz(func(t *testing.T, content string) {
		for name, parse := range map[string]func(string) ([]Entry, error){"list": ParseList, "deb822": ParseDeb822} {
			entries, err := parse(content)
			if err != nil {
				continue
			}
			for _, e := range entries {
				if e.URI == "" || e.Suite == "" {
					t.Errorf("%s: incomplete entry %+v", name, e)
				}
			}
		}
	})
}

// What is written must be read back as the same.
func FuzzLine(f *testing.F) {
	f.Add("http://x.example", "sid", "main", "/k.gpg", true)
	f.Fuzz(func(t *testing.T, uri, suite, component, key string, trusted bool) {
		for _, word := range []string{uri, suite, component, key} {
			if strings.ContainsAny(word, "#[]=") || len(strings.Fields(word)) != 1 || strings.TrimSpace(word) != word {
				return
			}
		}
		want := Entry{URI: uri, Suite: suite, Components: []string{component}, SignedBy: key, Trusted: trusted}
		got, err := ParseList(want.Line())
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%q is read as %+v, %v", want.Line(), got, err)
		}
	})
}

func TestForSuite(t *testing.T) {
	t.Parallel()
	entries, err := ParseDeb822(deb822)
	if err != nil {
		t.Fatal(err)
	}
	sources := Sources{Entries: entries}
	const key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
	for suite, want := range map[string][]string{
		"trixie": {
			"deb " + key + "http://mirror.example/debian trixie main",
			"deb " + key + "http://mirror.example/debian trixie-updates main",
			"deb http://mirror.example/debian-security trixie-security main",
		},
		"sid": {"deb " + key + "http://mirror.example/debian sid main"},
	} {
		got, err := sources.ForSuite("bookworm", suite)
		if err != nil || !slices.Equal(Lines(got), want) {
			t.Errorf("%s: %v, %v\nwant %v", suite, Lines(got), err, want)
		}
	}
	if _, err := sources.ForSuite("noble", "sid"); !errors.Is(err, ErrNoDebian) {
		t.Errorf("a machine of another release: %v, want ErrNoDebian", err)
	}
}

func TestReadFollowsMirrorFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mirrors := filepath.Join(dir, "mirrors.txt")
	put(t, mirrors, "# first choice\nhttp://near.example/debian priority:1\nhttp://far.example/debian\n")
	put(t, filepath.Join(dir, "sources.list"), "deb mirror+file:"+mirrors+" bookworm main\n")
	put(t, filepath.Join(dir, "sources.list.d", "off.list.disabled"), "deb http://off.example x y\n")
	put(t, filepath.Join(dir, "sources.list.d", "a.sources"), "Types: deb\nURIs: http://a.example\nSuites: s\n")
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var uris []string
	for _, e := range got.Entries {
		uris = append(uris, e.URI)
	}
	if want := []string{"http://near.example/debian", "http://a.example"}; !slices.Equal(uris, want) {
		t.Errorf("addresses %v, want %v", uris, want)
	}
}

func TestReadNamesTheBadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "sources.list.d", "bad.list")
	put(t, bad, "deb http://only.example\n")
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), bad+": line 1") {
		t.Errorf("Read = %v, want the file and the line", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	got := Settings("APT \"\";\nAcquire::Check-Valid-Until \"false\";\nAcquire::http::Proxy \"http://p:1\";\nAcquire::https::Proxy \"\";\nAcquire::Languages:: \"none\";\n")
	want := []string{`Acquire::Check-Valid-Until "false";`, `Acquire::http::Proxy "http://p:1";`}
	if !slices.Equal(got, want) {
		t.Errorf("Settings = %q, want %q", got, want)
	}
}

func TestCodename(t *testing.T) {
	t.Parallel()
	if got, err := Codename("ID=debian\nVERSION_CODENAME=\"trixie\"\n"); err != nil || got != "trixie" {
		t.Errorf("Codename = %q, %v", got, err)
	}
	if _, err := Codename("ID=alpine\n"); err == nil {
		t.Error("no codename is not an error")
	}
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
