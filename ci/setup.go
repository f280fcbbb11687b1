package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/terraform"
	"dagger/sensor-backend/tfstate"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
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
