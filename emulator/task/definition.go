// Package task runs the tasks of task definitions: it pulls their images,
// unpacks them, and runs their containers as chrooted processes.
package task

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Definition is the part of an ECS task definition that a run needs.
type Definition struct {
	ARN        string      `json:"taskDefinitionArn"`
	Family     string      `json:"family"`
	Revision   int         `json:"revision"`
	CPU        string      `json:"cpu"`
	Memory     string      `json:"memory"`
	Containers []Container `json:"containerDefinitions"`
}

// Container is one container of a Definition.
type Container struct {
	Name             string        `json:"name"`
	Image            string        `json:"image"`
	Essential        *bool         `json:"essential"`
	Command          []string      `json:"command"`
	EntryPoint       []string      `json:"entryPoint"`
	User             string        `json:"user"`
	WorkingDirectory string        `json:"workingDirectory"`
	Environment      []Variable    `json:"environment"`
	Secrets          []Secret      `json:"secrets"`
	PortMappings     []PortMapping `json:"portMappings"`
	HealthCheck      *HealthCheck  `json:"healthCheck"`
	StopTimeout      int           `json:"stopTimeout"`
	Log              *struct {
		Driver  string            `json:"logDriver"`
		Options map[string]string `json:"options"`
	} `json:"logConfiguration"`
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

// readSecret finds the value that a secret names: an SSM parameter by name or
// ARN, or a Secrets Manager secret by ARN, with an optional JSON key.
func readSecret(ctx context.Context, moto Moto, region, from string) (string, error) {
	if rest, ok := cutARN(from, "secretsmanager"); ok {
		return readManagedSecret(ctx, moto, region, from, rest)
	}
	name := from
	if rest, ok := cutARN(from, "ssm"); ok {
		name = strings.TrimPrefix(rest, "parameter")
		// The ARN of a parameter without a path has one slash that is not its own.
		if strings.Count(name, "/") == 1 {
			name = strings.TrimPrefix(name, "/")
		}
	}
	var out struct {
		Parameter struct {
			Value string `json:"Value"`
		} `json:"Parameter"`
	}
	get := func(name string) error {
		return moto.JSON(ctx, region, "AmazonSSM.GetParameter", map[string]any{"Name": name, "WithDecryption": true}, &out)
	}
	err := get(name)
	if err != nil && name != from && !strings.HasPrefix(name, "/") {
		err = get("/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("fetching secret data from SSM Parameter Store: %s: %w", from, err)
	}
	return out.Parameter.Value, nil
}

// cutARN gives what follows the account in an ARN of a service.
func cutARN(arn, service string) (rest string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != service {
		return "", false
	}
	return parts[5], true
}
