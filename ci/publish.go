package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gates/scan"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout/verify"

	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"golang.org/x/sync/errgroup"
)

// Publish builds the API's image, pushes it to ECR as BRANCH-COMMIT and returns it by digest.
//
// An image that is there already, since another commit built the same, gets the tag
// and is not sent again.
// It reads ECR's scan; the tag latest follows only when the scan lets it pass.
// The repository is made on the first push, by Terraform. An image that ECR
// cannot scan is judged by the Go modules in its program.
//
// +cache="never"
func (m *SensorBackend) Publish(
	ctx context.Context,
	// Least severity of a finding that stops the pipeline: CRITICAL, HIGH, MEDIUM or LOW.
	// +default="CRITICAL"
	failOn string,
	// Findings to let pass, one a line: name, last day as YYYY-MM-DD, reason.
	// +optional
	allow *dagger.File,
	// Vulnerability database as OSV files, such as the unpacked database of vuln.go.dev, for an image that ECR cannot scan.
	// +optional
	advisories *dagger.Directory,
) (string, error) {
	gate, err := newScanGate(ctx, failOn, allow, advisories)
	if err != nil {
		return "", err
	}
	return m.onCloudAs(ctx, deploying, func(c *cloud) (string, error) {
		built, err := pack(ctx, m.api, func(ctx context.Context) (programs, error) { return m.programs(ctx, m.api) })
		if err != nil {
			return "", err
		}
		defer built.remove()
		pushed, verdict, err := m.publish(ctx, c, built, gate)
		if err != nil {
			return "", err
		}
		return pushed.String() + "\n" + scanLine(c, verdict), nil
	})
}

// packed are the programs as they are deployed, before anything is.
type packed struct {
	programs
	// image is what is pushed, and tarball where it was exported to.
	image   *ecr.Prepared
	tarball string
}

// pack packs both programs side by side. Nothing outside is asked or changed.
func pack(ctx context.Context, api func(context.Context) (program, error), all func(context.Context) (programs, error)) (packed, error) {
	var p packed
	both, inTime := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		p.programs, err = all(inTime)
		return err
	})
	both.Go(func() error {
		built, err := api(inTime)
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "image")
		if err != nil {
			return err
		}
		p.tarball = filepath.Join(dir, "api.tar")
		if _, err := built.image().AsTarball().Export(inTime, p.tarball); err != nil {
			return fmt.Errorf("build the image: %w", err)
		}
		p.image, err = ecr.Prepare(p.tarball)
		return err
	})
	if err := both.Wait(); err != nil {
		p.remove()
		return packed{}, err
	}
	return p, nil
}

// remove removes the files that pack left.
func (p packed) remove() {
	if p.image != nil {
		_ = p.image.Close()
	}
	if p.tarball != "" {
		_ = os.RemoveAll(filepath.Dir(p.tarball))
	}
}

// registryLogin asks for credentials for the registry. The emulated one's are
// no secret, and a word that every report holds.
func (c *cloud) registryLogin(ctx context.Context) (ecr.Credentials, error) {
	login, err := ecr.Login(ctx, awsecr.NewFromConfig(c.config))
	if c.emulator == nil {
		secretsGiven.Learn(login.Password)
	}
	return login, err
}

// repositoryName is the name the Terraform configuration gives the repository.
func (m *SensorBackend) repositoryName() string { return m.names().Repository }

func (m *SensorBackend) publish(ctx context.Context, c *cloud, built packed, passes scanGate) (ecr.Pushed, scan.Result, error) {
	registry := awsecr.NewFromConfig(c.config)
	repository, err := ecr.FindRepository(ctx, registry, m.repositoryName())
	if errors.Is(err, ecr.ErrNoRepository) {
		progress("build: first push, making the repository %s", m.repositoryName())
		if err := m.makeRepository(ctx, c, built.zip); err != nil {
			return ecr.Pushed{}, scan.Result{}, err
		}
		repository, err = ecr.FindRepository(ctx, registry, m.repositoryName())
	}
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	ref, err := m.revision(ctx)
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	login, err := c.registryLogin(ctx)
	if err != nil {
		return ecr.Pushed{}, scan.Result{}, err
	}
	pushed, err := ecr.Push(ctx, ecr.PushRequest{
		Image:       built.image,
		Repository:  *repository.RepositoryUri,
		Credentials: login,
		Tags:        []string{imageTag(ref)},
		Progress:    func(line string) { progress("build: %s", line) },
	})
	if err != nil {
		return pushed, scan.Result{}, err
	}
	verdict, err := passes.judge(ctx, registry, m.repositoryName(), pushed, built.tarball)
	if err != nil {
		return pushed, verdict, err
	}
	err = ecr.Retag(ctx, ecr.RetagRequest{Repository: *repository.RepositoryUri, Digest: pushed.Digest, Tag: ecr.LatestTag, Credentials: login})
	if err != nil {
		return pushed, verdict, err
	}
	pushed.Tags = append(pushed.Tags, ecr.LatestTag)
	return pushed, verdict, nil
}

// tagRunning moves the tag running to the image that the service runs, so that
// the registry's lifecycle rules do not expire it. That it could not is shown and
// fails nothing: the image has weeks until then, and the next deploy tries again.
func (m *SensorBackend) tagRunning(ctx context.Context, c *cloud, digest string) {
	if digest == "" {
		return
	}
	repository, err := ecr.FindRepository(ctx, awsecr.NewFromConfig(c.config), m.repositoryName())
	var login ecr.Credentials
	if err == nil {
		login, err = c.registryLogin(ctx)
	}
	if err == nil {
		err = ecr.Retag(ctx, ecr.RetagRequest{
			Repository: *repository.RepositoryUri, Digest: digest, Tag: ecr.RunningTag, Credentials: login,
		})
	}
	if err != nil {
		progress("the image that runs did not get the tag %s, which keeps it from expiring: %v", ecr.RunningTag, err)
	}
}

// makeRepository applies the part of the configuration that the first push
// needs: everything else needs the image.
func (m *SensorBackend) makeRepository(ctx context.Context, c *cloud, zip lambdazip.Archive) error {
	applier, err := m.as(ctx, c, applying)
	if err != nil {
		return err
	}
	tf, err := m.configured(ctx, applier, "", zip)
	if err != nil {
		return err
	}
	if _, err := tf.run(ctx, repositoryOnly); err != nil {
		return fmt.Errorf("make the image repository: %w", err)
	}
	return nil
}

// scanGate is what an image must pass before latest names it and it is deployed.
type scanGate struct {
	policy scan.Policy
	// advisories judge an image that ECR cannot scan.
	advisories scan.Advisories
}

// newScanGate reads what the user gave.
func newScanGate(ctx context.Context, failOn string, allow *dagger.File, advisories *dagger.Directory) (scanGate, error) {
	g := scanGate{policy: scan.Policy{FailOn: failOn}}
	if err := scan.CheckThreshold(failOn); err != nil {
		return g, err
	}
	if allow != nil {
		text, err := allow.Contents(ctx)
		if err != nil {
			return g, fmt.Errorf("read the allow list: %w", err)
		}
		if g.policy.Allow, err = scan.ParseAllowList(text, time.Now()); err != nil {
			return g, err
		}
	}
	if advisories != nil {
		dir, err := os.MkdirTemp("", "advisories")
		if err != nil {
			return g, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if _, err := advisories.Export(ctx, dir); err != nil {
			return g, fmt.Errorf("read the advisories: %w", err)
		}
		if g.advisories, err = scan.ReadAdvisories(os.DirFS(dir)); err != nil {
			return g, err
		}
	}
	return g, nil
}

// ask is the verify tree's line on the registry's scan of an image. One that ECR
// cannot scan was judged by its packages when it was pushed. In another team's
// repository that does not scan, there is nothing to judge it by.
func (g scanGate) ask(c *cloud, own bool) scanLookup {
	return func(ctx context.Context, repository, digest string) (string, error) {
		verdict, err := scan.Wait(ctx, awsecr.NewFromConfig(c.config),
			scan.Request{Repository: repository, Digest: digest, Policy: g.policy, Older: !own},
			poll.Env{Progress: func(line string) { progress("ecs: %s", line) }})
		switch {
		case err != nil:
			return "", err
		case verdict.Outcome == scan.Unsupported && own:
			return "", &verify.SkipError{Reason: verdict.String() + ": publish judges it by its packages"}
		case !own && (verdict.Outcome == scan.Unsupported || verdict.Outcome == scan.NotScanned):
			return "", &verify.SkipError{Reason: verdict.String()}
		}
		return verdict.String(), verdict.Err(repository + "@" + digest)
	}
}

// scanLine says what is known of an image's scan. The emulated AWS reports the
// findings that a test planted, and knows of no others.
func scanLine(c *cloud, verdict scan.Result) string {
	if c.emulator != nil && verdict.Outcome == scan.Clean {
		return "scan: the emulated AWS asks no vulnerability database"
	}
	return verdict.String()
}

// judge waits for ECR's scan of a pushed image and decides; for an image that
// ECR cannot scan, the list of packages in the tarball it was pushed from
// decides.
func (g scanGate) judge(ctx context.Context, registry *awsecr.Client, repository string, pushed ecr.Pushed, tarball string) (scan.Result, error) {
	verdict, err := scan.Wait(ctx, registry, scan.Request{Repository: repository, Digest: pushed.Digest, Policy: g.policy},
		poll.Env{Progress: func(line string) { progress("build: %s", line) }})
	if err != nil {
		return verdict, err
	}
	if verdict.Outcome == scan.Unsupported {
		dir, err := os.MkdirTemp("", "inventory")
		if err != nil {
			return verdict, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		image, err := ecr.Load(tarball, dir)
		if err != nil {
			return verdict, err
		}
		inventory, err := scan.ReadInventory(image)
		if err != nil {
			progress("build: %v", err)
			return verdict, verdict.Err(pushed.Reference)
		}
		verdict = inventory.Judge(g.advisories, g.policy, time.Now())
	}
	return verdict, verdict.Err(pushed.Reference)
}
