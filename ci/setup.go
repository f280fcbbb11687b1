package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dagger/sensor-backend/login"
	"dagger/sensor-backend/permissions"
	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/tfstate"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// workflows is whose workflows take the roles of CI; without a name there are
// no such roles.
type workflows struct {
	// Name is OWNER/NAME; OwnerID and ID are GitHub's numbers, both or neither.
	Name    string `json:"github_repository"`
	OwnerID string `json:"github_owner_id"`
	ID      string `json:"github_repository_id"`
}

// SetupBackend makes what only an administrator makes, once: state bucket, lock table, CI's roles.
//
// The bucket is versioned, encrypted, private and takes TLS only. With a repository
// the account trusts GitHub's tokens, and its workflows get roles to plan, apply and
// deploy this environment (infra/setup), each below a limit that they cannot change.
// The service-linked roles of ECS, load balancing, autoscaling and Redshift are made as
// well. Running it again repairs what is there and changes nothing else; without a
// repository that of the last time stays.
//
// +cache="never"
func (m *SensorBackend) SetupBackend(
	ctx context.Context,
	// GitHub repository, OWNER/NAME (github.repository), whose workflows take the roles.
	// +optional
	githubRepository string,
	// Number of its owner (github.repository_owner_id), which the tokens of a repository hold that was made, renamed or transferred since 2026-07-15.
	// +optional
	githubOwnerID string,
	// Number of the repository (github.repository_id); with github-owner-id.
	// +optional
	githubRepositoryID string,
) (string, error) {
	from := workflows{Name: githubRepository, OwnerID: githubOwnerID, ID: githubRepositoryID}
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		place, err := m.makeBackend(ctx, c)
		if err != nil {
			return "", err
		}
		roles, err := m.makeRoles(ctx, c, from)
		return strings.Join(append(place, roles...), "\n"), err
	})
}

// made says in a word whether something is new.
func made(created bool) string {
	if created {
		return "made"
	}
	return "there already"
}

// makeBackend makes the place of Terraform's state and says of what it consists.
func (m *SensorBackend) makeBackend(ctx context.Context, c *cloud) ([]string, error) {
	place := m.place(c)
	newBucket, newTable, err := tfstate.Setup(ctx, c.s3(), dynamodb.NewFromConfig(c.config), place, time.Second)
	return []string{"state bucket " + place.Bucket + ": " + made(newBucket), "lock table " + place.Table + ": " + made(newTable)}, err
}

// makeRoles makes the roles of an account and of this environment, and says which. A
// repository without a name is the one of the last time.
func (m *SensorBackend) makeRoles(ctx context.Context, c *cloud, repository workflows) ([]string, error) {
	account := iam.NewFromConfig(c.config)
	linked, err := tfstate.LinkRoles(ctx, account)
	if err != nil {
		return nil, err
	}
	said := []string{"service-linked roles: there already"}
	if len(linked) > 0 {
		said[0] = "service-linked roles: made for " + strings.Join(linked, ", ")
	}
	tf, err := m.stack(ctx, c, m.Infra.Directory("setup"), m.place(c).Setup())
	if err != nil {
		return said, err
	}
	if repository.Name == "" {
		if repository, err = tf.repository(ctx); err != nil {
			return said, err
		}
	}
	if repository.Name != "" {
		trusts, err := tfstate.TrustGitHub(ctx, account, c.partition, c.account)
		if err != nil {
			return said, err
		}
		said = append(said, "identity provider of GitHub: "+made(trusts))
	}
	err = tf.configure(ctx, m.where(c), nil, map[string]any{
		"project_name": m.Project, "environment": m.Environment, "aws_region": m.Region, "emulated": c.emulator != nil,
		"github_repository": repository.Name, "github_owner_id": repository.OwnerID, "github_repository_id": repository.ID,
	})
	if err != nil {
		return said, err
	}
	summary, err := tf.run(ctx, planAndApply)
	if err != nil {
		return said, withReport(err, summary)
	}
	if repository.Name == "" {
		return append(said, "roles of CI: none; name a repository with --github-repository"), nil
	}
	return append(said, "roles of CI for "+repository.Name+": "+summary.String()), nil
}

// repository is whom the roles were made for the last time.
func (tf *terraformSession) repository(ctx context.Context) (workflows, error) {
	var last workflows
	out, err := tf.outputs(ctx)
	switch {
	case errors.Is(err, terraform.ErrNone):
		return last, nil
	case err != nil:
		return last, err
	}
	last.Name, last.OwnerID, last.ID = out["github_repository"], out["github_owner_id"], out["github_repository_id"]
	return last, nil
}

// emulatedRepository takes the roles of CI on the emulated AWS.
func emulatedRepository() workflows {
	return workflows{Name: "example/sensor-backend", OwnerID: "1001", ID: "2002"}
}

// role is a role of this environment by what it may do (infra/setup/roles.tf).
type role string

const (
	// anybody works with the credentials that are given.
	anybody role = ""
	// planning reads, applying changes the infrastructure, deploying what runs on it.
	planning  role = "plan"
	applying  role = "apply"
	deploying role = "deploy"
)

// roleName is the name that the configuration gives a role.
func (m *SensorBackend) roleName(r role) string {
	return m.names().Everywhere + "-ci-" + string(r)
}

// as is the same AWS under one of the environment's roles. In an account the caller has
// taken the role before, save that what changes the infrastructure may have a role of
// its own. The emulated AWS is where a job of CI takes each by a token of its own.
func (m *SensorBackend) as(ctx context.Context, c *cloud, r role) (*cloud, error) {
	var taken aws.CredentialsProvider
	switch {
	case c.emulator != nil && r != anybody && r != c.role:
		if err := c.prepared(); err != nil {
			return nil, err
		}
		token := login.JobToken{URL: *c.config.BaseEndpoint + emulatedTokens(m.Environment), Bearer: "any", Emulated: true}
		service := sts.New(sts.Options{Region: m.Region, BaseEndpoint: c.config.BaseEndpoint})
		taken = login.Role(service, fmt.Sprintf("arn:%s:iam::%s:role/%s", c.partition, c.account, m.roleName(r)), string(r), token)
	case c.emulator == nil && r == applying && m.ApplyRoleARN != "":
		token, err := m.identityToken(ctx)
		if err != nil {
			return nil, err
		}
		taken = login.Role(sts.New(sts.Options{Region: m.Region}), m.ApplyRoleARN, "sensor-backend-"+m.Environment, token)
	default:
		return c, nil
	}
	other := *c
	other.role, other.config.Credentials = r, taken
	if err := other.identify(ctx); err != nil {
		return nil, fmt.Errorf("take the role %s: %w", r, err)
	}
	return &other, nil
}

// emulatedTokens is where the emulated AWS gives a job of this environment its identity
// token.
func emulatedTokens(environment string) string {
	from := emulatedRepository()
	query := url.Values{
		"repository": {from.Name}, "owner_id": {from.OwnerID}, "repository_id": {from.ID}, "environment": {environment},
	}
	return "/_emulator/oidc/token?" + query.Encode()
}

// Permissions tells of each role what it used, was granted and never used, and was denied.
//
// It reads what a running emulated AWS (--emulator) recorded since it began, or since
// the last call with --reset. A denial is an error. What a role may do for a reason
// though no run does it stands in infra/setup/unused.json.
//
// +cache="never"
func (m *SensorBackend) Permissions(
	ctx context.Context,
	// Take a grant that nothing used and that has no reason for an error, and a reason for one that is used: for a record of everything that the roles do.
	// +optional
	exact bool,
	// Forget what was recorded, after telling it.
	// +optional
	reset bool,
) (string, error) {
	return m.onCloud(ctx, func(c *cloud) (string, error) {
		if c.emulator == nil || m.RunningEmulator == nil {
			return "", errors.New("only an emulated AWS that keeps running records what roles do: give --emulator tcp://localhost:4566 after dagger call emulator up")
		}
		raw, err := m.Infra.File("setup/unused.json").Contents(ctx)
		if err != nil {
			return "", fmt.Errorf("read the reasons of unused grants: %w", err)
		}
		reasons, err := permissions.ReadReasons(strings.NewReader(raw))
		if err != nil {
			return "", err
		}
		var recorded struct {
			Roles []permissions.Role `json:"roles"`
		}
		if err := c.control(ctx, http.MethodGet, "iam/permissions", &recorded); err != nil {
			return "", err
		}
		report := permissions.Judge(recorded.Roles, reasons, m.names().Everywhere+"-")
		if reset {
			if err := c.control(ctx, http.MethodDelete, "iam/decisions", nil); err != nil {
				return "", err
			}
		}
		verdict := report.Denied()
		if exact {
			verdict = report.Exact()
		}
		if verdict != nil {
			return "", fmt.Errorf("%w\n%s", verdict, report)
		}
		return report.String(), nil
	})
}

// control asks a control address of the emulated AWS, and reads its answer into out.
func (c *cloud) control(ctx context.Context, method, path string, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, *c.config.BaseEndpoint+"/_emulator/"+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the emulated AWS for %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the emulated AWS for %s: it answered %s", path, response.Status)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("read what the emulated AWS says of %s: %w", path, err)
	}
	return nil
}

// prepareEmulated makes on the emulated AWS, which starts empty, what an administrator
// makes of an account. It does so again when the roles' configuration has changed.
func (m *SensorBackend) prepareEmulated(ctx context.Context, c *cloud) error {
	if _, err := m.makeBackend(ctx, c); err != nil {
		return err
	}
	digest, err := m.Infra.Directory("setup").Digest(ctx)
	if err != nil {
		return fmt.Errorf("read the configuration of the roles: %w", err)
	}
	repository, err := json.Marshal(emulatedRepository())
	if err != nil {
		return err
	}
	applied := []byte(digest + "\n" + string(repository) + "\n")
	place := m.place(c).Setup()
	there, err := tfstate.Applied(ctx, c.s3(), place)
	if err != nil || string(there) == string(applied) {
		return err
	}
	progress("setup: making the roles that the pipeline takes, as an administrator does it once")
	if _, err := m.makeRoles(ctx, c, emulatedRepository()); err != nil {
		return err
	}
	return tfstate.NoteApplied(ctx, c.s3(), place, applied)
}

func (m *SensorBackend) place(c *cloud) tfstate.Place {
	place := tfstate.Locate(m.Project, m.Environment, c.account, m.Region)
	place.PlainHTTP = c.emulator != nil
	return place
}

// statePlace is where this environment's state lies. The emulated AWS gets it made; in
// an account setup-backend makes it.
func (m *SensorBackend) statePlace(ctx context.Context, c *cloud) (tfstate.Place, error) {
	place := m.place(c)
	if c.emulator != nil {
		return place, c.prepared()
	}
	there, err := tfstate.Exists(ctx, c.s3(), place)
	if err != nil {
		return place, err
	}
	if !there {
		return place, fmt.Errorf("the state bucket %s does not exist: run setup-backend once for this account, region and environment", place.Bucket)
	}
	return place, nil
}
