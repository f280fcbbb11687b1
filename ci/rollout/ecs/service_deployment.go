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

// serviceDeployment is ECS's own account of our deployment, its service
// deployment, read on demand. One that the service names counts only if it is
// ours: its target revision runs our task definition, and it is not older than
// our deployment, by ECS's clock (kayac/ecspresso#945: currentServiceDeployment
// can name the one before). Where ECS refuses to say, it stays unknown and the
// service's list of deployments has to do.
type serviceDeployment struct {
	s                Services
	cluster, service string
	// taskDefinition is the ARN that ours deploys.
	taskDefinition string
	// others are ARNs of service deployments that are not ours.
	others map[string]bool
	// notBefore is when our deployment was made, by ECS's clock; zero while that
	// is not known.
	notBefore time.Time
	// joined is true when ours was there before: it is then the newest of all.
	joined bool
	// since limits a listing: nothing older can be ours.
	since time.Time
	// named is what the service names as its current one.
	named string
	// refused is set once ECS refused to show service deployments.
	refused bool
	// arn is ours, once found.
	arn string
	// searches counts the searches without result, unanswered the reads in a row
	// that did not show ours.
	searches, unanswered int
}

const (
	// maxSearches is how many reads may fail to find our service deployment, or to
	// show it, before the service's list of deployments has to do.
	maxSearches = 8
	// clockTolerance is how much older than our deployment its service deployment
	// may be: ECS stamps the two one after the other.
	clockTolerance = 5 * time.Second
)

// errUnknownServiceDeployment is a service deployment that was not found.
var errUnknownServiceDeployment = errors.New("its service deployment is not known")

func (r *roll) serviceDeployment() *serviceDeployment {
	return &serviceDeployment{
		s: r.s, cluster: r.cluster, service: r.service,
		taskDefinition: aws.ToString(r.definition.TaskDefinitionArn), others: map[string]bool{},
	}
}

// remember notes, before the update, which service deployments are not ours: the
// one that the service names, or, where it names none, all that are listed.
func (r *serviceDeployment) remember(ctx context.Context, before types.Service) {
	if arn := aws.ToString(before.CurrentServiceDeployment); arn != "" {
		r.others[arn] = true
		return
	}
	for _, d := range before.Deployments {
		if at := aws.ToTime(d.CreatedAt); !at.IsZero() && (r.since.IsZero() || at.Before(r.since)) {
			r.since = at
		}
	}
	limited, stop := context.WithTimeout(ctx, rememberTime)
	defer stop()
	var list []types.ServiceDeploymentBrief
	err := r.s.Env.Ask(limited, func(ctx context.Context) (err error) {
		list, err = r.list(ctx)
		return err
	})
	switch {
	case err != nil && (limited.Err() != nil || poll.Transient(err)):
		return // when ours was made has to do
	case err != nil:
		r.refuse(err)
		return
	}
	for _, d := range list {
		r.others[aws.ToString(d.ServiceDeploymentArn)] = true
	}
}

// rememberTime bounds the listing before the update.
const rememberTime = 20 * time.Second

// suggest takes note of what the service names as its current service deployment,
// in an answer in which our deployment is primary. Whether it is ours is checked
// when it is needed.
func (r *serviceDeployment) suggest(svc *types.Service) {
	if svc != nil {
		r.named = aws.ToString(svc.CurrentServiceDeployment)
	}
}

// searching reports whether ours may yet be found.
func (r *serviceDeployment) searching() bool {
	return !r.refused && r.arn == "" && r.searches < maxSearches
}

func (r *serviceDeployment) refuse(err error) {
	r.refused, r.arn = true, ""
	r.s.Env.Reportf("%s: cannot read its service deployments (%v), judging by its deployments alone", subject(r.cluster, r.service), err)
}

// read asks for our service deployment as it is now; nil when it is not known, or
// not in the answer. Passing failures are errors, refusals only mean that it
// stays unknown.
func (r *serviceDeployment) read(ctx context.Context) (*types.ServiceDeployment, error) {
	if r.arn == "" {
		if !r.searching() {
			return nil, nil
		}
		sd, err := r.find(ctx)
		if sd != nil || err != nil || r.arn == "" {
			return sd, err
		}
	}
	sd, err := r.describe(ctx, r.arn)
	switch {
	case err != nil:
		return nil, r.tolerate(ctx, err)
	case sd == nil:
		r.unanswered++
	default:
		r.unanswered = 0
	}
	return sd, nil
}

// silent reports whether ours has not been shown for so long that the list of
// deployments has to do.
func (r *serviceDeployment) silent() bool { return r.unanswered >= maxSearches }

// describe reads one service deployment; nil if the answer does not have it.
func (r *serviceDeployment) describe(ctx context.Context, arn string) (*types.ServiceDeployment, error) {
	var out *ecs.DescribeServiceDeploymentsOutput
	err := r.s.Env.Call(ctx, func(ctx context.Context) (err error) {
		out, err = r.s.ECS.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
		return err
	})
	if err != nil || len(out.ServiceDeployments) == 0 {
		return nil, err
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

// find searches for ours: the one that the service names, or else one of those
// listed. It returns what it read of it, if it did.
func (r *serviceDeployment) find(ctx context.Context) (*types.ServiceDeployment, error) {
	if r.named != "" && !r.others[r.named] {
		sd, err := r.describe(ctx, r.named)
		if err != nil {
			return nil, r.tolerate(ctx, err)
		}
		if sd != nil {
			ours, err := r.ours(ctx, sd.CreatedAt, sd.TargetServiceRevision)
			if err != nil {
				return nil, err
			}
			if ours {
				r.arn = r.named
				return sd, nil
			}
			r.others[r.named] = !r.joined
		}
	}
	list, err := r.list(ctx)
	if err != nil {
		return nil, r.tolerate(ctx, err)
	}
	if err := r.choose(ctx, list); err != nil {
		return nil, err
	}
	if r.arn == "" {
		r.searches++
	}
	return nil, nil
}

// ours reports whether a service deployment that was made then, with that target,
// can be ours.
func (r *serviceDeployment) ours(ctx context.Context, created *time.Time, target *types.ServiceRevisionSummary) (bool, error) {
	if r.tooOld(created) {
		return false, nil
	}
	switch {
	case target == nil, aws.ToString(target.Arn) == "":
		return true, nil
	case len(r.others) > 0 && created != nil && !r.notBefore.IsZero() && !created.Before(r.notBefore):
		// Made after our deployment, which is primary: nothing came after it.
		return true, nil
	}
	runs, err := r.revisions(ctx, []string{aws.ToString(target.Arn)})
	td, known := runs[aws.ToString(target.Arn)]
	if !known {
		return err == nil && !r.joined, err
	}
	return td == r.taskDefinition, err
}

func (r *serviceDeployment) tooOld(created *time.Time) bool {
	return created != nil && !r.notBefore.IsZero() && created.Before(r.notBefore.Add(-clockTolerance))
}

// revisions reads which task definitions service revisions run. It is empty where
// that may not be read.
func (r *serviceDeployment) revisions(ctx context.Context, arns []string) (map[string]string, error) {
	var out *ecs.DescribeServiceRevisionsOutput
	err := r.s.Env.Call(ctx, func(ctx context.Context) (err error) {
		out, err = r.s.ECS.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns[:min(len(arns), maxRevisions)]})
		return err
	})
	runs := map[string]string{}
	if err != nil {
		if ctx.Err() != nil || poll.Transient(err) {
			return nil, err
		}
		return runs, nil // a refusal leaves revisions unknown
	}
	for _, rev := range out.ServiceRevisions {
		runs[aws.ToString(rev.ServiceRevisionArn)] = aws.ToString(rev.TaskDefinition)
	}
	return runs, nil
}

// maxRevisions is the most that DescribeServiceRevisions takes at once.
const maxRevisions = 20

// choose takes the newest of the list that is not another's and whose target
// revision runs our task definition. Where revisions cannot be read, a single
// candidate is taken for ours, and the newest one if ours was there before.
func (r *serviceDeployment) choose(ctx context.Context, list []types.ServiceDeploymentBrief) error {
	var newestOther time.Time
	for _, d := range list {
		if at := aws.ToTime(d.CreatedAt); r.others[aws.ToString(d.ServiceDeploymentArn)] && at.After(newestOther) && r.notBefore.IsZero() {
			newestOther = at
		}
	}
	list = slices.DeleteFunc(list, func(d types.ServiceDeploymentBrief) bool {
		return r.others[aws.ToString(d.ServiceDeploymentArn)] || r.tooOld(d.CreatedAt) || aws.ToTime(d.CreatedAt).Before(newestOther)
	})
	slices.SortStableFunc(list, func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	var arns []string
	for _, d := range list {
		if arn := aws.ToString(d.TargetServiceRevisionArn); arn != "" {
			arns = append(arns, arn)
		}
	}
	if len(arns) > 0 {
		runs, err := r.revisions(ctx, arns)
		if err != nil {
			return err
		}
		for _, d := range list {
			if runs[aws.ToString(d.TargetServiceRevisionArn)] == r.taskDefinition {
				r.arn = aws.ToString(d.ServiceDeploymentArn)
				return nil
			}
		}
		if len(runs) > 0 {
			return nil
		}
	}
	if len(list) == 1 || len(list) > 1 && r.joined {
		r.arn = aws.ToString(list[0].ServiceDeploymentArn)
	}
	return nil
}

// list reads the service deployments, newest first: all since a time if one is
// set, and otherwise the newest hundred.
func (r *serviceDeployment) list(ctx context.Context) ([]types.ServiceDeploymentBrief, error) {
	in := &ecs.ListServiceDeploymentsInput{Cluster: aws.String(r.cluster), Service: aws.String(r.service), MaxResults: aws.Int32(100)}
	since := r.since
	if since.IsZero() {
		since = r.notBefore
	}
	if !since.IsZero() {
		in.CreatedAt = &types.CreatedAt{After: aws.Time(since.Add(-time.Minute))}
	}
	var all []types.ServiceDeploymentBrief
	for {
		var out *ecs.ListServiceDeploymentsOutput
		err := r.s.Env.Call(ctx, func(ctx context.Context) (err error) {
			out, err = r.s.ECS.ListServiceDeployments(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, out.ServiceDeployments...)
		if aws.ToString(out.NextToken) == "" || since.IsZero() {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}
