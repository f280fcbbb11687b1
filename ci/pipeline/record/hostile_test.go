package record

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHostileNames keeps records of runs whose branch tries to break out: no
// name is in a key, and each comes back as it was.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`^runs/(dev|staging|prod|none)/[0-9TZa-f-]+\.json$`)
	for _, name := range []string{
		"$(touch pwned)`id`", `quote"'quote`, "line\nbreak\r\n", "../../../prod/x.json", "<script>&</script>", "\x1b[31m\x00", "main\u202e\u2028",
		strings.Repeat("a", 300), strings.Repeat("é", 300), "\xff\xfe",
	} {
		r := sample(t)
		r.Branch, r.Ref, r.Event, r.By.Actor = name, "refs/heads/"+name, name, name
		if !key.MatchString(r.Key()) {
			t.Errorf("%.40q: key %q", name, r.Key())
		}
		kept, err := r.Encode()
		if err != nil {
			t.Errorf("%.40q: %v", name, err)
			continue
		}
		if !json.Valid(kept) || !utf8.Valid(kept) || strings.ContainsAny(string(kept), "<>&\x1b\x00\r\u2028") {
			t.Errorf("%.40q: kept as %s", name, kept)
		}
		back, err := Decode(kept)
		if want := strings.ToValidUTF8(name, "\uFFFD"); err != nil || utf8.ValidString(name) && back.Branch != want {
			t.Errorf("%.40q came back as %q, %v", name, back.Branch, err)
		}
		r.Target.Environment = name
		if _, err := r.Encode(); err == nil {
			t.Errorf("%.40q is an environment", name)
		}
	}
}
