package ecs

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// wanted is the task definition that a deploy is to run.
type wanted struct {
	// input is its content, which registers it unless it is registered.
	input *ecs.RegisterTaskDefinitionInput
	// existing is a revision of that content; nil if there is none.
	existing *types.TaskDefinition
	// base is the number of the family's latest revision.
	base int32
}

// wanted finds a revision that is already as wanted, first the one that the
// service runs and then the family's latest.
func (s Services) wanted(ctx context.Context, req Request, svc types.Service) (wanted, error) {
	running := primaryOf(svc)
	runs := aws.ToString(svc.TaskDefinition)
	if running != nil {
		runs = cmp.Or(aws.ToString(running.TaskDefinition), runs)
	}
	family := cmp.Or(req.Family, familyOf(runs))
	latest, latestTags, err := s.describe(ctx, family)
	if err != nil {
		return wanted{}, err
	}
	w := wanted{input: registrable(latest, latestTags), base: latest.Revision}
	images := req.images()
	for _, container := range slices.Sorted(maps.Keys(images)) {
		if err := withImage(w.input, container, images[container]); err != nil {
			return wanted{}, err
		}
	}
	candidates := []types.TaskDefinition{latest}
	tags := [][]types.Tag{latestTags}
	if runs != "" && runs != aws.ToString(latest.TaskDefinitionArn) {
		td, tdTags, err := s.describe(ctx, runs)
		if err != nil {
			return wanted{}, err
		}
		candidates = append([]types.TaskDefinition{td}, candidates...)
		tags = append([][]types.Tag{tdTags}, tags...)
	}
	for i := range candidates {
		if candidates[i].Status == types.TaskDefinitionStatusInactive {
			continue
		}
		equal, err := same(w.input, registrable(candidates[i], tags[i]))
		if err != nil {
			return wanted{}, err
		}
		if equal {
			w.existing = &candidates[i]
			return w, nil
		}
	}
	return w, nil
}

// familyOf is the family in a task definition's ARN or in family:revision.
func familyOf(arn string) string {
	family, _, _ := strings.Cut(rollout.ShortName(arn), ":")
	return family
}
