package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"dagger/sensor-backend/history"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Deployments lists what this environment ran, newest first, as JSON: task definition, image digest, Lambda version, code hash, commit. It is kept in SSM and is where rollback finds its way.
//
// +cache="never"
func (m *SensorBackend) Deployments(ctx context.Context) (shown string, err error) {
	defer clean(&shown, &err)
	c, done, err := m.connect(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	h, err := m.store(c).Load(ctx)
	if err != nil {
		return "", err
	}
	raw, err := json.MarshalIndent(h, "", "  ")
	return string(raw), err
}

// store is where the environment's deployments are recorded.
func (m *SensorBackend) store(c *cloud) history.Store {
	return history.Store{API: ssm.NewFromConfig(c.config), Name: fmt.Sprintf("/%s/%s/deployments", m.Project, m.Environment)}
}

// running is what both halves run now.
func running(ctx context.Context, c *cloud, out tfrun.Outputs) (rollout.ServiceState, rollout.FunctionState, history.Entry, error) {
	var entry history.Entry
	if err := out.Need("ecs_cluster", "ecs_service", "api_container", "lambda_function", "lambda_alias"); err != nil {
		return rollout.ServiceState{}, rollout.FunctionState{}, entry, err
	}
	service, err := services(c).Current(ctx, out["ecs_cluster"], out["ecs_service"])
	if err != nil {
		return service, rollout.FunctionState{}, entry, err
	}
	function, err := functions(c).Current(ctx, out["lambda_function"], out["lambda_alias"])
	if err != nil {
		return service, function, entry, err
	}
	entry.At = time.Now().UTC().Truncate(time.Second)
	entry.Function = history.Half{Version: function.Version, Digest: function.CodeSHA256}
	if service.Settled {
		image, err := services(c).Image(ctx, service.TaskDefinition, out["api_container"])
		if err != nil {
			return service, function, entry, err
		}
		entry.Service = history.Half{Version: rollout.ShortName(service.TaskDefinition), Digest: digestOf(image)}
	}
	return service, function, entry, nil
}

// digestOf is the digest in an image's reference, or the reference if it has
// none.
func digestOf(image string) string {
	if _, digest, ok := strings.Cut(image, "@"); ok {
		return digest
	}
	return image
}

// recordRunning notes what runs now, beside what is noted already. Before a
// deploy it makes sure that the way back is known, after it that it is the
// newest; commit is what was deployed, empty before. It returns what it noted.
func (m *SensorBackend) recordRunning(ctx context.Context, c *cloud, out tfrun.Outputs, commit string) (history.Entry, error) {
	_, _, entry, err := running(ctx, c, out)
	if err != nil || entry.Service.Version == "" && entry.Function.Version == "" {
		return entry, err
	}
	entry.Commit = commit
	if commit != "" {
		entry.By = m.whoDeploys(ctx, c)
		if entry.Schema, entry.NoWayBack, err = m.migrations(ctx); err != nil {
			return entry, err
		}
	}
	h, err := m.store(c).Load(ctx)
	if err != nil {
		return entry, err
	}
	h = h.Add(entry)
	return h[0], m.store(c).Save(ctx, h)
}

// migrations reads the services' database migrations.
func (m *SensorBackend) migrations(ctx context.Context) (int, []int, error) {
	dir, err := os.MkdirTemp("", "migrations")
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := m.Services.Filter(dagger.DirectoryFilterOpts{Include: []string{"**/migrations/**/*.sql"}}).Export(ctx, dir); err != nil {
		return 0, nil, fmt.Errorf("read the database migrations: %w", err)
	}
	return history.Migrations(os.DirFS(dir))
}
