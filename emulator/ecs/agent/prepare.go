package agent

import (
	"context"
	"os"
	"strconv"
	"strings"

	"sensor-backend/emulator/logs"
	"sensor-backend/emulator/process"
)

// prepare pulls and unpacks a container and works out how to run it.
func (r *run) prepare(ctx context.Context, c *container) error {
	puller := r.config.Puller
	if _, own := puller.Address(c.definition.Image); own && r.starter != nil {
		if err := r.may(ctx, "ecr:GetAuthorizationToken", "*"); err != nil {
			return cannotStart("ResourceInitializationError: unable to pull secrets or registry auth: unable to get registry auth from Amazon ECR: service call has been retried 1 time(s): %v", err)
		}
		puller.Password = r.starter.RegistryPassword()
	}
	found, err := puller.Resolve(ctx, c.definition.Image)
	if err != nil {
		return cannotStart("CannotPullContainerError: pull image manifest has been retried 1 time(s): %v", err)
	}
	r.mu.Lock()
	c.digest = found.Digest
	r.mu.Unlock()
	if err := os.MkdirAll(c.root, 0o755); err != nil { //nolint:gosec // the task's user must reach it
		return cannotStart("CannotPullContainerError: making room for the image: %v", err)
	}
	if err := found.Unpack(c.root); err != nil {
		return cannotStart("CannotPullContainerError: %v", err)
	}
	if err := process.Furnish(c.root); err != nil {
		return cannotStart("CannotCreateContainerError: %v", err)
	}
	env, err := r.environment(ctx, c, found.Config.Env)
	if err != nil {
		return cannotStart("ResourceInitializationError: unable to pull secrets or registry auth: %v", err)
	}
	d := c.definition
	c.process = process.Spec{
		Root: c.root, Args: commandLine(d, found.Config.Entrypoint, found.Config.Cmd), Env: env,
		Dir: first(d.WorkingDirectory, found.Config.WorkingDir), User: first(d.User, found.Config.User),
	}
	return r.openLog(ctx, c)
}

// commandLine combines the definition's and the image's as Docker does: an
// entry point of the definition also drops the image's command.
func commandLine(d Container, entryPoint, command []string) []string {
	if len(d.EntryPoint) > 0 {
		entryPoint, command = d.EntryPoint, nil
	}
	if len(d.Command) > 0 {
		command = d.Command
	}
	return append(append([]string{}, entryPoint...), command...)
}

// environment is the image's, the emulator's, the definition's and the secrets',
// each overriding those before it.
func (r *run) environment(ctx context.Context, c *container, fromImage []string) ([]string, error) {
	env := append([]string{"PATH=" + process.DefaultPath, "HOME=/"}, fromImage...)
	env = append(env,
		"AWS_ENDPOINT_URL="+r.config.Endpoint, "AWS_S3_USE_PATH_STYLE=true",
		"AWS_REGION="+r.spec.Region, "AWS_DEFAULT_REGION="+r.spec.Region,
		"AWS_EXECUTION_ENV=AWS_ECS_FARGATE",
		"ECS_CONTAINER_METADATA_URI_V4="+r.config.Endpoint+"/_emulator/metadata/"+r.spec.ID+"/"+c.definition.Name,
	)
	env = append(env, r.keys()...)
	for _, v := range c.definition.Environment {
		env = append(env, v.Name+"="+v.Value)
	}
	for _, s := range c.definition.Secrets {
		if err := r.maySecret(ctx, s.ValueFrom); err != nil {
			return nil, err
		}
		value, err := readSecret(ctx, r.config.Moto, r.spec.Region, s.ValueFrom)
		if err != nil {
			return nil, err
		}
		env = append(env, s.Name+"="+value)
	}
	return r.assignPorts(ctx, c, unique(env))
}

// assignPorts gives a container that is told its port by PORT one of its own:
// all tasks share the emulator's network.
func (r *run) assignPorts(ctx context.Context, c *container, env []string) ([]string, error) {
	for _, mapping := range c.definition.PortMappings {
		c.ports[mapping.ContainerPort] = mapping.ContainerPort
		if process.Getenv(env, "PORT", "") != strconv.Itoa(mapping.ContainerPort) {
			continue
		}
		port, err := r.ports.take(ctx)
		if err != nil {
			return nil, err
		}
		r.held = append(r.held, port)
		c.ports[mapping.ContainerPort] = port
		env = unique(append(env, "PORT="+strconv.Itoa(port)))
	}
	return env, nil
}

func (r *run) openLog(ctx context.Context, c *container) error {
	l := c.definition.Log
	if l == nil || l.Driver != "awslogs" {
		return nil
	}
	region := first(l.Options["awslogs-region"], r.spec.Region)
	group := l.Options["awslogs-group"]
	if l.Options["awslogs-create-group"] == "true" {
		if err := r.may(ctx, "logs:CreateLogGroup", r.arn("logs", "log-group:"+group+":log-stream:")); err != nil {
			return cannotStart("ResourceInitializationError: failed to create the log group %s: %v", group, err)
		}
		if err := logs.CreateGroup(ctx, r.config.Moto, region, group); err != nil {
			return cannotStart("ResourceInitializationError: failed to create the log group %s: %v", group, err)
		}
	}
	stream := r.spec.ID
	if prefix := l.Options["awslogs-stream-prefix"]; prefix != "" {
		stream = prefix + "/" + c.definition.Name + "/" + r.spec.ID
	}
	// Who may not write loses what is written, but who may not make the stream does
	// not start.
	lines := r.arn("logs", "log-group:"+group+":log-stream:"+stream)
	if err := r.may(ctx, "logs:CreateLogStream", lines); err != nil {
		return cannotStart("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: %v: exit status 1", err)
	}
	if err := r.may(ctx, "logs:PutLogEvents", lines); err != nil {
		r.config.Log.Warn("the execution role may not write the log", "task", r.spec.ID, "error", err)
		return nil
	}
	var err error
	if c.log, err = logs.Open(ctx, r.config.Moto, region, group, stream); err != nil {
		return cannotStart("ResourceInitializationError: failed to validate logger args: %v: exit status 1", err)
	}
	c.process.Stdout, c.process.Stderr = c.log, c.log
	return nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// unique keeps the last value of each variable.
func unique(env []string) []string {
	last := map[string]int{}
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	kept := make([]string, 0, len(last))
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if last[name] == i {
			kept = append(kept, entry)
		}
	}
	return kept
}
