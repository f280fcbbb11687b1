package ecs

import (
	"context"
	"errors"
	"slices"
	"time"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// serviceDeployment is ECS's own account of our deployment, the service deployment: found
// without comparing this machine's clock with ECS's, and read on demand. Where
// ECS refuses to tell, it stays unknown and the service's list of deployments
// has to do.
type serviceDeployment struct {
	s                Services
	cluster, service string
	// known holds the ARNs there were before ours.
	known map[string]bool
	// since is a time of ECS's before which ours cannot have been made.
	since time.Time
	// off is set once ECS refused.
	off bool
	// arn is ours, once found.
	arn   string
	tries int
}

// maxTries is how often ECS is asked for our service deployment before the list
// of deployments has to do; listAfter of these wait for the service to name it.
const (
	maxTries  = 8
	listAfter = 3
)

// errUnknownRecord is a service deployment that was not found.
var errUnknownRecord = errors.New("its service deployment is not known")

// remember notes, before the update, which service deployments are not ours.
// The service names its current one; where it names none, all are listed.
func (r *serviceDeployment) remember(ctx context.Context, before types.Service) {
	r.known = map[string]bool{}
	if arn := aws.ToString(before.CurrentServiceDeployment); arn != "" {
		r.known[arn] = true
		return
	}
	for _, d := range before.Deployments {
		if at := aws.ToTime(d.CreatedAt); !at.IsZero() && (r.since.IsZero() || at.Before(r.since)) {
			r.since = at
		}
	}
	list, err := r.list(ctx)
	if err != nil {
		r.refuse(err)
		return
	}
	for _, d := range list {
		r.known[aws.ToString(d.ServiceDeploymentArn)] = true
	}
}

// hint takes the service's word for its current service deployment, in an
// answer in which our deployment is primary.
func (r *serviceDeployment) hint(svc *types.Service) {
	if r.arn != "" || svc == nil {
		return
	}
	if arn := aws.ToString(svc.CurrentServiceDeployment); arn != "" && !r.known[arn] {
		r.arn = arn
	}
}

// searching reports whether ours may yet be found.
func (r *serviceDeployment) searching() bool { return !r.off && r.arn == "" && r.tries < maxTries }

func (r *serviceDeployment) refuse(err error) {
	r.off, r.arn = true, ""
	r.s.Env.Reportf("%s: cannot read its service deployments (%v), judging by its deployments alone", subject(r.cluster, r.service), err)
}

// read asks for our service deployment as it is now; nil when it is not known.
// Passing failures are errors, refusals only mean that it stays unknown.
func (r *serviceDeployment) read(ctx context.Context, taskDefinition string) (*types.ServiceDeployment, error) {
	err := r.find(ctx, taskDefinition, false)
	if err != nil || r.arn == "" {
		return nil, err
	}
	out, err := r.s.ECS.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{r.arn}})
	if err != nil {
		return nil, r.tolerate(ctx, err)
	}
	if len(out.ServiceDeployments) == 0 {
		if r.tries++; r.tries >= maxTries {
			r.off, r.arn = true, ""
		}
		return nil, nil
	}
	return &out.ServiceDeployments[0], nil
}

// tolerate passes on what is passing, and otherwise stops asking.
func (r *serviceDeployment) tolerate(ctx context.Context, err error) error {
	if ctx.Err() != nil || poll.Transient(err) || poll.Expired(err) {
		return err
	}
	r.refuse(err)
	return nil
}

// find searches the list for ours when the service does not name it: after a
// few times, or at once.
func (r *serviceDeployment) find(ctx context.Context, taskDefinition string, atOnce bool) error {
	if !r.searching() {
		return nil
	}
	r.tries++
	if !atOnce && len(r.known) > 0 && r.since.IsZero() && r.tries <= listAfter {
		return nil
	}
	list, err := r.list(ctx)
	if err != nil {
		return r.tolerate(ctx, err)
	}
	var newestKnown time.Time
	for _, d := range list {
		if at := aws.ToTime(d.CreatedAt); r.known[aws.ToString(d.ServiceDeploymentArn)] && at.After(newestKnown) {
			newestKnown = at
		}
	}
	list = slices.DeleteFunc(list, func(d types.ServiceDeploymentBrief) bool {
		return r.known[aws.ToString(d.ServiceDeploymentArn)] || aws.ToTime(d.CreatedAt).Before(newestKnown)
	})
	return r.choose(ctx, list, taskDefinition)
}

// choose takes the candidate whose target revision runs our task definition.
// Where revisions cannot be read, a single candidate is taken for ours.
func (r *serviceDeployment) choose(ctx context.Context, list []types.ServiceDeploymentBrief, taskDefinition string) error {
	revisions := map[string]string{}
	var arns []string
	for _, d := range list {
		if arn := aws.ToString(d.TargetServiceRevisionArn); arn != "" {
			revisions[arn] = aws.ToString(d.ServiceDeploymentArn)
			arns = append(arns, arn)
		}
	}
	if len(arns) > 0 {
		out, err := r.s.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns[:min(len(arns), maxRevisions)]})
		switch {
		case err == nil && len(out.ServiceRevisions) > 0:
			for _, rev := range out.ServiceRevisions {
				if aws.ToString(rev.TaskDefinition) == taskDefinition {
					r.arn = revisions[aws.ToString(rev.ServiceRevisionArn)]
				}
			}
			return nil
		case err != nil && (ctx.Err() != nil || poll.Transient(err)):
			return err
		}
	}
	if len(list) == 1 {
		r.arn = aws.ToString(list[0].ServiceDeploymentArn)
	}
	return nil
}

// maxRevisions is the most that DescribeServiceRevisions takes at once.
const maxRevisions = 20

// list reads the newest service deployments.
func (r *serviceDeployment) list(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	in := &ecs.ListServiceDeploymentsInput{Cluster: aws.String(r.cluster), Service: aws.String(r.service), MaxResults: aws.Int32(100)}
	if !r.since.IsZero() {
		in.CreatedAt = &types.CreatedAt{After: aws.Time(r.since.Add(-time.Minute))}
	}
	var all []types.ServiceDeploymentBrief
	for {
		var out *ecs.ListServiceDeploymentsOutput
		err := r.s.Env.Retry(ctx, func() (err error) {
			out, err = r.s.ECS.ListServiceDeployments(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, out.ServiceDeployments...)
		// Ours is among the newest, and those come first.
		if aws.ToString(out.NextToken) == "" || r.since.IsZero() {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// stop asks ECS to end our deployment and to go back to the one before.
func (r *serviceDeployment) stop(ctx context.Context, taskDefinition string) error {
	if err := r.find(ctx, taskDefinition, true); err != nil {
		return err
	}
	if r.arn == "" {
		return errUnknownRecord
	}
	return r.s.Env.Retry(ctx, func() error {
		_, err := r.s.ECS.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
			ServiceDeploymentArn: aws.String(r.arn), StopType: types.StopServiceDeploymentStopTypeRollback,
		})
		return err
	})
}
