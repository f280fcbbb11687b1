// Package agent runs the tasks of task definitions: it pulls their images,
// unpacks them, and runs their containers as chrooted processes.
package agent

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Definition is the part of an ECS task definition that a run needs.
type Definition struct {
	// TaskRole is what the containers run as, and ExecutionRole what starts them.
	TaskRole      string      `json:"taskRoleArn"`
	ExecutionRole string      `json:"executionRoleArn"`
	Containers    []Container `json:"containerDefinitions"`
}

// Container is one container of a Definition.
type Container struct {
	Name             string            `json:"name"`
	Image            string            `json:"image"`
	Essential        *bool             `json:"essential"`
	Command          []string          `json:"command"`
	EntryPoint       []string          `json:"entryPoint"`
	User             string            `json:"user"`
	WorkingDirectory string            `json:"workingDirectory"`
	Environment      []Variable        `json:"environment"`
	Secrets          []Secret          `json:"secrets"`
	PortMappings     []PortMapping     `json:"portMappings"`
	HealthCheck      *HealthCheck      `json:"healthCheck"`
	StopTimeout      int               `json:"stopTimeout"`
	Log              *LogConfiguration `json:"logConfiguration"`
}

// Override is what is different in one run of a container.
type Override struct {
	Command     []string   `json:"command"`
	Environment []Variable `json:"environment"`
}

// with is the container as it is run with an override.
func (c Container) with(o Override) Container {
	if len(o.Command) > 0 {
		c.Command = o.Command
	}
	c.Environment = slices.Concat(c.Environment, o.Environment) // the last value of a name counts
	return c
}

// LogConfiguration says where a container's output goes.
type LogConfiguration struct {
	Driver  string            `json:"logDriver"`
	Options map[string]string `json:"options"`
}

// Variable is one environment variable.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Secret is an environment variable whose value lies in SSM or Secrets Manager.
type Secret struct {
	Name      string `json:"name"`
	ValueFrom string `json:"valueFrom"`
}

// PortMapping names a port that a container listens on.
type PortMapping struct {
	ContainerPort int `json:"containerPort"`
}

// HealthCheck is a command that tells whether a container is well.
type HealthCheck struct {
	Command     []string `json:"command"`
	Interval    int      `json:"interval"`
	Timeout     int      `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod int      `json:"startPeriod"`
}

// IsEssential says whether the task ends with the container.
func (c Container) IsEssential() bool { return c.Essential == nil || *c.Essential }

// Args is the check's command line; nil when there is no check.
func (h *HealthCheck) Args() []string {
	if h == nil || len(h.Command) < 2 {
		return nil
	}
	switch h.Command[0] {
	case "CMD":
		return h.Command[1:]
	case "CMD-SHELL":
		return []string{"/bin/sh", "-c", strings.Join(h.Command[1:], " ")}
	}
	return nil
}

func (h *HealthCheck) interval() time.Duration { return seconds(h.Interval, 30) }
func (h *HealthCheck) timeout() time.Duration  { return seconds(h.Timeout, 5) }
func (h *HealthCheck) retries() int {
	if h.Retries <= 0 {
		return 3
	}
	return h.Retries
}

func seconds(n, otherwise int) time.Duration {
	if n <= 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// Moto calls JSON operations of moto.
type Moto interface {
	JSON(ctx context.Context, region, target string, in, out any) error
}

// Describe reads a task definition.
func Describe(ctx context.Context, moto Moto, region, name string) (Definition, error) {
	var out struct {
		Definition Definition `json:"taskDefinition"`
	}
	err := moto.JSON(ctx, region, "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", map[string]string{"taskDefinition": name}, &out)
	return out.Definition, err
}
