package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealAndOpen(t *testing.T) {
	t.Setenv(keyVariable, strings.Repeat("0a", 32))
	const secret = "a plan with a s3cr3t in it"
	from, dir := file(t, secret), t.TempDir()
	sealed, opened := filepath.Join(dir, "sealed"), filepath.Join(dir, "opened")
	do := func(args ...string) (int, string) {
		var out bytes.Buffer
		return run(t.Context(), args, strings.NewReader(""), &out, &out), out.String()
	}
	for _, args := range [][]string{{"seal", from, sealed}, {"open", sealed, opened}} {
		if code, said := do(args...); code != 0 {
			t.Fatalf("%v ended with %d: %s", args, code, said)
		}
	}
	text, err := os.ReadFile(sealed)
	if err != nil || bytes.Contains(text, []byte("s3cr3t")) {
		t.Errorf("sealed as %q, %v", text, err)
	}
	if again, err := os.ReadFile(opened); err != nil || string(again) != secret {
		t.Errorf("opened as %q, %v", again, err)
	}
	text[len(text)-1] ^= 1
	if code, said := do("open", file(t, string(text)), opened); code != exitRefused || !strings.Contains(said, "open the plan") {
		t.Errorf("a changed one ended with %d: %s", code, said)
	}
	for _, args := range [][]string{{"open", file(t, "x"), opened}, {"open", sealed}, {"seal", "/nowhere", opened}} {
		if code, said := do(args...); code != exitRefused {
			t.Errorf("%v ended with %d: %s", args, code, said)
		}
	}
	for _, key := range []string{"", "0a", strings.Repeat("0b", 32), strings.Repeat("x", 64)} {
		t.Setenv(keyVariable, key)
		if code, _ := do("open", sealed, opened); code != exitRefused {
			t.Errorf("the key %q opens it", key)
		}
	}
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	const state = `"prior_state":{"values":{"outputs":{"url":{"sensitive":false,"value":"http://a"}}}}`
	for text, want := range map[string]string{
		`{"applyable":false,` + state + `}`: `{"url":{"sensitive":false,"value":"http://a"}}` + "\n",
		`{"applyable":true,` + state + `}`:  "",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{"unchanged"}, strings.NewReader(text), &stdout, &stderr); code != 0 || stdout.String() != want {
			t.Errorf("%s: code %d, %q, want %q", text, code, &stdout, want)
		}
	}
}
