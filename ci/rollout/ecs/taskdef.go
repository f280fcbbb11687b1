package ecs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// registrable copies everything of a described task definition that
// RegisterTaskDefinition takes, so that a new revision differs only in what is
// then changed. Tags come beside the task definition (DescribeTaskDefinition
// with include=TAGS); those that AWS set itself ("aws:...") cannot be set by
// others and are left out.
func registrable(td types.TaskDefinition, tags []types.Tag) *ecs.RegisterTaskDefinitionInput {
	in := &ecs.RegisterTaskDefinitionInput{
		ContainerDefinitions:    slices.Clone(td.ContainerDefinitions),
		Cpu:                     td.Cpu,
		EnableFaultInjection:    td.EnableFaultInjection,
		EphemeralStorage:        td.EphemeralStorage,
		ExecutionRoleArn:        td.ExecutionRoleArn,
		Family:                  td.Family,
		InferenceAccelerators:   td.InferenceAccelerators, //nolint:staticcheck // deprecated, and still registered: a copy must not lose it
		IpcMode:                 td.IpcMode,
		Memory:                  td.Memory,
		NetworkMode:             td.NetworkMode,
		PidMode:                 td.PidMode,
		PlacementConstraints:    td.PlacementConstraints,
		ProxyConfiguration:      td.ProxyConfiguration,
		RequiresCompatibilities: td.RequiresCompatibilities,
		RuntimePlatform:         td.RuntimePlatform,
		TaskRoleArn:             td.TaskRoleArn,
		Volumes:                 td.Volumes,
	}
	for _, t := range tags {
		if !strings.HasPrefix(strings.ToLower(aws.ToString(t.Key)), "aws:") {
			in.Tags = append(in.Tags, t)
		}
	}
	return in
}

// withImage puts the image into the named container.
func withImage(in *ecs.RegisterTaskDefinitionInput, container, image string) error {
	names := make([]string, 0, len(in.ContainerDefinitions))
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		if aws.ToString(c.Name) == container {
			c.Image = aws.String(image)
			return nil
		}
		names = append(names, aws.ToString(c.Name))
	}
	return fmt.Errorf("task definition family %s has no container %q, it has: %s",
		aws.ToString(in.Family), container, strings.Join(names, ", "))
}

// imageOf is the image of the named container; empty if there is none.
func imageOf(containers []types.ContainerDefinition, name string) string {
	for _, c := range containers {
		if aws.ToString(c.Name) == name {
			return aws.ToString(c.Image)
		}
	}
	return ""
}

// same reports whether two task definitions ask for the same thing: absent and
// empty are equal, and so are two orders of what has no order.
func same(a, b *ecs.RegisterTaskDefinitionInput) (bool, error) {
	x, err := canonical(a)
	if err != nil {
		return false, err
	}
	y, err := canonical(b)
	if err != nil {
		return false, err
	}
	return bytes.Equal(x, y), nil
}

// canonical is a form in which equal task definitions are equal bytes.
func canonical(in *ecs.RegisterTaskDefinitionInput) ([]byte, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("compare task definitions: %w", err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("compare task definitions: %w", err)
	}
	v, err = prune("", v)
	if err != nil {
		return nil, fmt.Errorf("compare task definitions: %w", err)
	}
	return json.Marshal(v)
}

// prune drops what is absent (null, empty lists and objects) and sorts the
// lists whose order means nothing to ECS. Empty strings stay: an environment
// variable may be set to one.
func prune(field string, v any) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			p, err := prune(k, e)
			if err != nil {
				return nil, err
			}
			if p == nil {
				delete(x, k)
				continue
			}
			x[k] = p
		}
		if len(x) == 0 {
			return nil, nil
		}
		return x, nil
	case []any:
		type keyed struct {
			key   string
			value any
		}
		kept := make([]keyed, 0, len(x))
		for _, e := range x {
			p, err := prune("", e)
			if err != nil {
				return nil, err
			}
			if p == nil {
				continue
			}
			key, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			kept = append(kept, keyed{string(key), p})
		}
		if len(kept) == 0 {
			return nil, nil
		}
		switch field {
		case "Environment", "Secrets", "Tags", "RequiresCompatibilities", "Volumes":
			slices.SortFunc(kept, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
		}
		out := make([]any, len(kept))
		for i, k := range kept {
			out[i] = k.value
		}
		return out, nil
	default:
		return v, nil
	}
}
