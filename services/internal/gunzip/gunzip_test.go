package gunzip_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"sensor-backend/services/internal/gunzip"
)

func pack(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func unpack(text string) (string, error) {
	r, err := gunzip.NewReader(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return "", err
	}
	all, err := io.ReadAll(r)
	return string(all), err
}

func TestReader(t *testing.T) {
	t.Parallel()
	one := pack(t, "one")
	for packed, want := range map[string]string{
		one:                                  "one",
		pack(t, ""):                          "",
		one + pack(t, "") + pack(t, "two"):   "onetwo",
		one + strings.Repeat("\x00", 10_000): "one",
	} {
		if got, err := unpack(packed); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	for _, damaged := range []string{"", "x", one[:5], one[:len(one)-1], one + "x", one + "\x00x", one + one[:10], one + "\x00" + one} {
		if _, err := unpack(damaged); !errors.Is(err, gunzip.ErrCorrupt) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
}

// FuzzReader holds it to the standard library's: what that takes, both read alike,
// and what this takes beyond that are zeros at the end.
func FuzzReader(f *testing.F) {
	f.Add(pack(f, "one"))
	f.Add(pack(f, "one") + pack(f, "two") + "\x00\x00")
	f.Add("\x1f\x8b")
	f.Fuzz(func(t *testing.T, packed string) {
		got, err := unpack(packed)
		if err != nil && !errors.Is(err, gunzip.ErrCorrupt) {
			t.Fatalf("%q: %v", packed, err)
		}
		std, stdErr := gzip.NewReader(strings.NewReader(packed))
		var want []byte
		if stdErr == nil {
			want, stdErr = io.ReadAll(std)
		}
		switch {
		case stdErr == nil && (err != nil || got != string(want)):
			t.Fatalf("%q: got %q, %v, want %q", packed, got, err, want)
		case stdErr != nil && err == nil && !strings.HasSuffix(packed, "\x00"):
			t.Fatalf("%q: taken, and the library says %v", packed, stdErr)
		}
	})
}
