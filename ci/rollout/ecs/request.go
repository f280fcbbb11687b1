package ecs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"dagger/sensor-backend/rollout"
)

var digestForm = regexp.MustCompile(`^[^@\s]+@sha256:[0-9a-f]{64}$`)

// images are all containers of the request with their images.
func (r Request) images() map[string]string {
	all := maps.Clone(r.Containers)
	if all == nil {
		all = map[string]string{}
	}
	if r.Container != "" {
		all[r.Container] = r.Image
	}
	return all
}

// check refuses a request that cannot be meant.
func (r Request) check() error {
	images := r.images()
	for _, named := range []struct {
		what string
		is   bool
	}{{"cluster", r.Cluster != ""}, {"service", r.Service != ""}, {"container", len(images) > 0 && images[""] == ""}} {
		if !named.is {
			return fmt.Errorf("no %s is named", named.what)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(images)) {
		if other, twice := r.Containers[name]; twice && other != images[name] {
			return fmt.Errorf("container %s is given two images, %s and %s", name, images[name], other)
		}
		if !digestForm.MatchString(images[name]) {
			return fmt.Errorf("image %q is not named by digest (HOST/NAME@sha256:...): a tag may move between test and deploy; it is given for container %s", images[name], name)
		}
	}
	return nil
}

// changes is where the request's changes are collected.
func (r Request) changes() *rollout.Changes {
	if r.Changes != nil {
		return r.Changes
	}
	return &rollout.Changes{}
}
