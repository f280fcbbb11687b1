package standin

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"sensor-backend/bootstrap/internal/provider"
)

// What the pipeline relies on in each public image.
func TestContracts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config     v1.Config
		entrypoint []string
		env        []string
	}{
		Golang:    {GolangConfig("go1.26.8", []string{"GOSUMDB=off"}), nil, []string{"GOPATH=/go", "GOLANG_VERSION=1.26.8", "GOSUMDB=off"}},
		Postgres:  {PostgresConfig(), []string{"docker-entrypoint.sh"}, []string{"PGDATA=/var/lib/postgresql/data", "PG_MAJOR=17"}},
		Terraform: {TerraformConfig(), []string{"/bin/terraform"}, nil},
		Moto:      {MotoConfig(), []string{"/usr/local/bin/moto_server", "-H", "0.0.0.0"}, nil},
	} {
		if !slices.Equal(c.config.Entrypoint, c.entrypoint) {
			t.Errorf("%s: entry point %v, want %v", name, c.config.Entrypoint, c.entrypoint)
		}
		for _, want := range c.env {
			if !slices.Contains(c.config.Env, want) {
				t.Errorf("%s: environment %v lacks %s", name, c.config.Env, want)
			}
		}
		if !slices.ContainsFunc(c.config.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
			t.Errorf("%s: no PATH", name)
		}
	}
}

func TestTerraformFindsItsProvider(t *testing.T) {
	t.Parallel()
	entries := TerraformEntries("/t", "/p", "arm64")
	paths := make([]string, 0, len(entries))
	for _, e := range entries {
		paths = append(paths, e.Path)
	}
	for _, want := range []string{"usr/bin/terraform", provider.MirrorDir("arm64") + "/" + provider.FileName(), provider.TofuMirrorDir("arm64")} {
		if !slices.Contains(paths, want) {
			t.Errorf("%v lacks %s", paths, want)
		}
	}
}

func TestDescribeFollowsContent(t *testing.T) {
	t.Parallel()
	a := GolangEntries("/go", nil)
	b := GolangEntries("/go", []string{`Acquire::http::Proxy "x";`})
	if slices.Equal(Describe(a), Describe(b)) {
		t.Error("other apt settings, same description")
	}
}

func TestUnneeded(t *testing.T) {
	t.Parallel()
	for rel, want := range map[string]bool{"test": true, "api": true, "src": false, "src/test": false, ".": false} {
		if unneeded(rel) != want {
			t.Errorf("unneeded(%q) = %t", rel, !want)
		}
	}
}

// postgres runs the entry point with programs that only note how they are
// called, as a user who is not root, as the script itself does it.
func postgres(t *testing.T, env []string, args ...string) (calls string, err error) {
	t.Helper()
	dir := t.TempDir()
	bin, data := filepath.Join(dir, "bin"), filepath.Join(dir, "data")
	for _, path := range []string{bin, data} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "calls")
	for _, name := range []string{"initdb", "pg_ctl", "psql", "postgres"} {
		script := "#!/bin/sh\necho " + name + " \"$@\" >> " + log + "\n[ " + name + " = psql ] && cat >> " + log + "\nexit 0\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\necho 999\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "entrypoint")
	if err := os.WriteFile(script, postgresEntrypoint, 0o700); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), script, args...)
	cmd.Env = slices.Concat(env, []string{"PATH=" + bin + ":/usr/bin:/bin", "PGDATA=" + data})
	cmd.Stdout, cmd.Stderr = &output, &output
	err = cmd.Run()
	t.Logf("%s", &output)
	content, readErr := os.ReadFile(log)
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	hba, readErr := os.ReadFile(filepath.Join(data, "pg_hba.conf"))
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	return string(content) + string(hba), err
}

func TestPostgresEntrypoint(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env   []string
		args  []string
		wants []string
		nots  []string
		fails bool
	}{
		"user and database": {
			env: []string{"POSTGRES_PASSWORD=p", "POSTGRES_USER=api", "POSTGRES_DB=sensors"}, args: []string{"postgres"},
			wants: []string{"initdb --username=api --pwfile=", "--set db=sensors", `CREATE DATABASE :"db"`, " all scram-sha-256"},
		},
		"only a password": {
			env: []string{"POSTGRES_PASSWORD=p"}, args: []string{"postgres"},
			wants: []string{"--username=postgres"}, nots: []string{"CREATE DATABASE"},
		},
		"only a user": {
			env: []string{"POSTGRES_PASSWORD=p", "POSTGRES_USER=api"}, args: []string{"postgres"},
			wants: []string{"--set db=api"},
		},
		"a secret in a file": {
			env: []string{"POSTGRES_PASSWORD_FILE=" + secret}, args: []string{"postgres"}, wants: []string{"--pwfile="},
		},
		"trust": {
			env: []string{"POSTGRES_HOST_AUTH_METHOD=trust"}, args: []string{"postgres"},
			wants: []string{" all trust"}, nots: []string{"--pwfile"},
		},
		"options for initdb": {
			env: []string{"POSTGRES_PASSWORD=p", "POSTGRES_INITDB_ARGS=--data-checksums --encoding='UTF 8'"}, args: []string{"postgres"},
			wants: []string{"--data-checksums --encoding=UTF 8"},
		},
		"options for the server": {
			env: []string{"POSTGRES_PASSWORD=p"}, args: []string{"-c", "fsync=off"}, wants: []string{"postgres -c fsync=off\n"},
		},
		"another program":      {args: []string{"true"}, nots: []string{"initdb"}},
		"no password":          {args: []string{"postgres"}, fails: true, nots: []string{"initdb"}},
		"password given twice": {env: []string{"POSTGRES_PASSWORD=p", "POSTGRES_PASSWORD_FILE=" + secret}, args: []string{"postgres"}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls, err := postgres(t, c.env, c.args...)
			if (err != nil) != c.fails {
				t.Fatalf("entry point: %v", err)
			}
			for _, want := range c.wants {
				if !strings.Contains(calls, want) {
					t.Errorf("calls lack %q:\n%s", want, calls)
				}
			}
			for _, not := range c.nots {
				if strings.Contains(calls, not) {
					t.Errorf("calls have %q:\n%s", not, calls)
				}
			}
		})
	}
}
