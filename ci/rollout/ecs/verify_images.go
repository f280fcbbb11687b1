package ecs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/sensor-backend/rollout/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// place is an account and a region; empty where it is not known.
type place struct{ account, region string }

// home is where the service runs, which is where the registry and the log groups
// are asked.
func (c Verifier) home(svc types.Service) place {
	var here place
	arns := make([]string, 0, 2+len(svc.LoadBalancers))
	arns = append(arns, aws.ToString(svc.ServiceArn), aws.ToString(svc.ClusterArn))
	for _, lb := range svc.LoadBalancers {
		arns = append(arns, aws.ToString(lb.TargetGroupArn))
	}
	for _, arn := range arns {
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[3] != "" && parts[4] != "" {
			here.region, here.account = parts[3], parts[4]
			break
		}
	}
	if parts := strings.SplitN(c.Caller, ":", 6); len(parts) == 6 && here.account == "" {
		here.account = parts[4]
	}
	return here
}

// registryForm is the host of a registry of Amazon ECR: account, region.
var registryForm = regexp.MustCompile(`^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)

// image is an image's reference, taken apart.
type image struct {
	reference                string
	host, repository, digest string
	// registry is where the registry of Amazon ECR is; empty for another registry.
	registry place
}

func parseImage(reference string) image {
	im := image{reference: reference}
	address, digest, byDigest := strings.Cut(reference, "@")
	host, repository, hosted := strings.Cut(address, "/")
	if !hosted || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, repository = "docker.io", address // as Docker reads it
	}
	im.host, im.repository = host, repository
	if byDigest {
		im.digest = digest
	}
	if m := registryForm.FindStringSubmatch(host); m != nil {
		im.registry = place{m[1], m[2]}
	}
	return im
}

// unasked says why the registry is not asked about an image; empty if it is.
func (im image) unasked(here place) string {
	switch {
	case im.registry == place{}:
		return "it is in " + im.host + ", which is not asked"
	case here.account != "" && im.registry.account != here.account:
		return "it is in the registry of account " + im.registry.account + ", which is not asked"
	case here.region != "" && im.registry.region != here.region:
		return "it is in the registry in " + im.registry.region + ", which is not asked"
	case im.digest == "":
		return "it is named by a tag, which may move: nothing is known of what it names"
	}
	return ""
}

// images are the checks of the revision's images, each once: that the registry has
// it and that its scan lets it pass. What lies in a registry that is not the
// service's own cannot be checked.
func (c Verifier) images(svc types.Service, revision *ecs.RegisterTaskDefinitionInput) []verify.Check {
	here := c.home(svc)
	var checks []verify.Check
	var listed []string
	for _, d := range revision.ContainerDefinitions {
		reference := aws.ToString(d.Image)
		if reference == "" || slices.Contains(listed, reference) {
			continue
		}
		listed = append(listed, reference)
		im := parseImage(reference)
		if why := im.unasked(here); why != "" {
			checks = append(checks, verify.Check{Name: "image " + reference, Run: func(context.Context) (string, error) {
				return "", &verify.SkipError{Reason: why}
			}})
			continue
		}
		checks = append(checks, c.image(im, here), c.gate(im))
	}
	return checks
}

func (c Verifier) image(im image, here place) verify.Check {
	return verify.Check{Name: "image in " + im.repository, Run: func(ctx context.Context) (string, error) {
		var out *ecr.DescribeImagesOutput
		err := c.ask(ctx, func(ctx context.Context) (err error) {
			out, err = c.Images.DescribeImages(ctx, &ecr.DescribeImagesInput{
				RepositoryName: &im.repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &im.digest}},
			})
			return err
		})
		var missing *ecrtypes.ImageNotFoundException
		var elsewhere *ecrtypes.RepositoryNotFoundException
		switch {
		case errors.As(err, &missing), err == nil && len(out.ImageDetails) == 0:
			return "", fmt.Errorf("%s is not there: publish it first", im.digest)
		case errors.As(err, &elsewhere) && here.region == "":
			return "", &verify.SkipError{Reason: "the registry that is asked has no such repository, and whether it is that of " + im.registry.region + " is not known"}
		case err != nil:
			return "", err
		}
		return im.digest, nil
	}}
}

func (c Verifier) gate(im image) verify.Check {
	return verify.Check{Name: "scan of " + im.repository, Run: func(ctx context.Context) (string, error) {
		if c.Gate == nil {
			return "", &verify.SkipError{Reason: "no gate is asked for"}
		}
		return c.Gate(ctx, im.repository, im.digest)
	}}
}
