package gitref

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	one = "1111111111111111111111111111111111111111"
	two = "2222222222222222222222222222222222222222"
)

func tree(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		dir  fs.FS
		want Ref
		err  string
	}{
		{"loose", tree("HEAD", "ref: refs/heads/main\n", "refs/heads/main", one+"\n"), Ref{one, "main"}, ""},
		{"packed", tree("HEAD", "ref: refs/heads/main\n", "packed-refs", "# pack-refs with: peeled\n"+two+" refs/heads/dev\n"+one+" refs/heads/main\n^"+two+"\n"), Ref{one, "main"}, ""},
		{"loose wins over packed", tree("HEAD", "ref: refs/heads/main", "refs/heads/main", one, "packed-refs", two+" refs/heads/main\n"), Ref{one, "main"}, ""},
		{"a slash in the branch", tree("HEAD", "ref: refs/heads/fix/a", "refs/heads/fix/a", one), Ref{one, "fix/a"}, ""},
		{"detached", tree("HEAD", one+"\n"), Ref{one, ""}, ""},
		{"no commit yet", tree("HEAD", "ref: refs/heads/main\n"), Ref{}, "commit once first"},
		{"damaged", tree("HEAD", "what"), Ref{}, "neither a reference nor a commit"},
		{"damaged reference", tree("HEAD", "ref: refs/heads/main", "refs/heads/main", "x"), Ref{}, "is not a commit"},
		{"a line break", tree("HEAD", "ref: refs/heads/a\nb", "refs/heads/a\nb", one), Ref{}, "control character"},
		{"a tag", tree("HEAD", "ref: refs/tags/v1", "refs/tags/v1", one), Ref{}, "is not a branch"},
		{"outside", tree("HEAD", "ref: ../../etc/passwd"), Ref{}, "not a valid reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(tt.dir)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestReadWithoutRepository(t *testing.T) {
	t.Parallel()
	if _, err := Read(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("ref: refs/heads/main\n", one, "")
	f.Add(one, "", "")
	f.Add("ref: refs/heads/main\n", "", one+" refs/heads/main\n")
	f.Fuzz(func(t *testing.T, head, loose, packed string) {
		files := tree("HEAD", head, "packed-refs", packed)
		if loose != "" {
			files["refs/heads/main"] = &fstest.MapFile{Data: []byte(loose)}
		}
		got, err := Read(files)
		if err == nil && !objectName.MatchString(got.Commit) {
			t.Errorf("accepted the commit %q", got.Commit)
		}
	})
}
