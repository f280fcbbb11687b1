package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The pipelines' names: this repository's, and the plain script.
const (
	ours    = "ours"
	classic = "classic"
)

// pipeline is one way to deploy a checkout of its own.
type pipeline struct {
	name, dir string
	command   []string
	env       []string
}

// environment and region are where both deploy to, each with a project of its own.
const (
	environment = "dev"
	region      = "us-east-1"
	account     = "123456789012" // the emulated AWS has this one
)

// prepare makes a checkout of the present commit for each pipeline, below dir.
func prepare(ctx context.Context, dir, emulator string) ([]pipeline, error) {
	at, err := url.Parse(emulator)
	if err != nil || at.Host == "" {
		return nil, fmt.Errorf("emulator %q: give its address, such as http://localhost:4566", emulator)
	}
	mine := pipeline{
		name: ours, dir: filepath.Join(dir, ours),
		command: []string{"dagger", "--progress=plain", "call", "--emulator=tcp://" + at.Host, "deploy", "--stages=test,build,infra,lambda,ecs"},
	}
	script, err := filepath.Abs("classic")
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, "terraform.rc")
	crane := filepath.Join(dir, "crane")
	theirs := pipeline{
		name: classic, dir: filepath.Join(dir, classic), command: []string{filepath.Join(script, "deploy.sh")},
		env: []string{
			"PROJECT=classic", "ENVIRONMENT=" + environment, "ACCOUNT=" + account, "REGISTRY=" + at.Host, "CRANE=" + crane,
			"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_ENDPOINT_URL=" + emulator, "AWS_S3_USE_PATH_STYLE=true", "AWS_PAGER=",
			"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true",
			"TF_CLI_CONFIG_FILE=" + settings, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
			"DOCKER_CONFIG=" + filepath.Join(dir, "docker"), "GOWORK=off", "GOFLAGS=",
		},
	}
	for _, p := range []pipeline{mine, theirs} {
		if _, err := command(ctx, ".", nil, "git", "clone", "--quiet", "..", p.dir); err != nil {
			return nil, err
		}
	}
	if err := mirrorProvider(dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(settings, []byte(terraformSettings(dir)), 0o600); err != nil {
		return nil, err
	}
	// The pipeline's own time shall not hold what a machine does once.
	if _, err := command(ctx, ".", nil, "go", "build", "-o", crane, "github.com/google/go-containerregistry/cmd/crane"); err != nil {
		return nil, err
	}
	if _, err := command(ctx, theirs.dir, theirs.env, filepath.Join(script, "setup.sh")); err != nil {
		return nil, err
	}
	return []pipeline{mine, theirs}, nil
}

// providers is where terraform looks for the provider below dir.
func providers(dir string) string { return filepath.Join(dir, "providers") }

// terraformSettings make terraform take the provider from below dir if it is there, and
// from its registry otherwise.
func terraformSettings(dir string) string {
	if _, err := os.Stat(providers(dir)); err != nil {
		return "provider_installation {\n  direct {}\n}\n"
	}
	return fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", providers(dir))
}

// mirrorProvider gives the script the provider that the bootstrap built, on a machine
// that has it.
func mirrorProvider(dir string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	built, err := filepath.Glob(filepath.Join(cache, "sensor-backend", "terraform", "terraform-provider-aws_v*"))
	if err != nil || len(built) == 0 {
		return err
	}
	_, version, _ := strings.Cut(filepath.Base(built[0]), "_v")
	place := filepath.Join(providers(dir), "registry.terraform.io", "hashicorp", "aws", version, "linux_amd64")
	return errors.Join(os.MkdirAll(place, 0o750), os.Symlink(built[0], filepath.Join(place, filepath.Base(built[0]))))
}

// command runs a program and returns what it printed. The error holds the end of that.
func command(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	run := exec.CommandContext(ctx, args[0], args[1:]...)
	run.Dir, run.Env = dir, append(os.Environ(), env...)
	var out, both bytes.Buffer
	run.Stdout, run.Stderr = &out, &both
	if err := run.Run(); err != nil {
		text := out.String() + both.String()
		return out.String(), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, text[max(0, len(text)-2000):])
	}
	return out.String(), nil
}

// measure deploys to the empty AWS and then makes each change in each round, with the
// pipelines taking turns in who is first.
func measure(ctx context.Context, pipelines []pipeline, rows []row, rounds int, keep *json.Encoder) ([]measurement, error) {
	var all []measurement
	one := func(round, turn int, r row) error {
		for i := range pipelines {
			p := pipelines[(i+turn)%len(pipelines)]
			m, err := p.deploy(ctx, round, r)
			if err != nil {
				return err
			}
			all = append(all, m)
			fmt.Fprintf(os.Stderr, "round %d, %s, %s: %.1f s %s\n", round, r.name, p.name, m.Total, m.Failed)
			if err := keep.Encode(m); err != nil {
				return fmt.Errorf("keep what was measured: %w", err)
			}
		}
		return nil
	}
	if err := one(0, 0, row{name: emptyRow}); err != nil {
		return all, err
	}
	for round := 1; round <= rounds; round++ {
		for i, r := range rows {
			if err := one(round, round+i, r); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// deploy commits a change and measures one deploy of it. A deploy that fails is
// measured as such; the error is for what stops the measuring.
func (p pipeline) deploy(ctx context.Context, round int, r row) (measurement, error) {
	m := measurement{Round: round, Row: r.name, Pipeline: p.name}
	if err := r.change(p.dir, round); err != nil {
		return m, err
	}
	if r.file != "" {
		_, err := command(ctx, p.dir, nil, "git", "-c", "user.name=bench", "-c", "user.email=bench@localhost",
			"commit", "--quiet", "--all", "--message", fmt.Sprintf("%s, round %d", r.name, round))
		if err != nil {
			return m, err
		}
	}
	began := time.Now()
	printed, err := command(ctx, p.dir, p.env, p.command...)
	m.Total = time.Since(began).Seconds()
	m.Stages = parseStages(printed)
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	if err != nil {
		m.Failed = err.Error()
	}
	return m, nil
}
