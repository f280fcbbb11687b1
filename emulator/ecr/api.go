package ecr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sensor-backend/emulator/awsapi"
)

// imageID names an image by tag, digest, or both.
type imageID struct {
	Digest string `json:"imageDigest,omitempty"`
	Tag    string `json:"imageTag,omitempty"`
}

// request has the members of all operations below.
type request struct {
	RepositoryName    string    `json:"repositoryName"`
	ImageIDs          []imageID `json:"imageIds"`
	ImageID           imageID   `json:"imageId"`
	ImageManifest     string    `json:"imageManifest"`
	ManifestMediaType string    `json:"imageManifestMediaType"`
	ImageTag          string    `json:"imageTag"`
	Force             bool      `json:"force"`
	Filter            struct {
		TagStatus string `json:"tagStatus"`
	} `json:"filter"`
}

type failure struct {
	ImageID imageID `json:"imageId"`
	Code    string  `json:"failureCode"`
	Reason  string  `json:"failureReason"`
}

// Handles says whether Call answers the operation; the others are moto's.
func Handles(operation string) bool {
	return slices.Contains([]string{
		"GetAuthorizationToken", "DescribeImages", "ListImages", "BatchGetImage", "BatchDeleteImage",
		"PutImage", "DescribeImageScanFindings", "StartImageScan",
	}, operation)
}

// Token answers GetAuthorizationToken for a client that reached us as host, with
// the password that it is to log in with.
func Token(host, password string, now time.Time) map[string]any {
	return map[string]any{"authorizationData": []map[string]any{{
		"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		"expiresAt":          awsapi.Time(now.Add(12 * time.Hour)),
		"proxyEndpoint":      "http://" + host,
	}}}
}

// Call answers one operation of the ECR API, reached as host.
func (g *Registry) Call(ctx context.Context, region, host, operation string, body []byte) (any, error) {
	g.regions.Add(region)
	if operation == "GetAuthorizationToken" {
		return Token(host, g.password(ctx, region), g.clock()), nil
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, awsapi.Errorf("SerializationException", "the body of %s is not JSON: %v", operation, err)
	}
	settings, err := g.repos.Repository(ctx, region, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	switch operation {
	case "DescribeImages":
		return g.describeImages(in)
	case "ListImages":
		return g.listImages(in), nil
	case "BatchGetImage":
		return g.batchGetImage(in), nil
	case "BatchDeleteImage":
		return g.batchDeleteImage(in), nil
	case "PutImage":
		return g.putImage(in, settings)
	case "StartImageScan":
		return g.startScan(in)
	case "DescribeImageScanFindings":
		return g.scanFindings(in)
	}
	return nil, awsapi.Errorf("InvalidAction", "%s is not an operation of the emulated ECR", operation)
}

// BeforeDelete refuses to delete a repository that holds images, unless forced.
func (g *Registry) BeforeDelete(body []byte) error {
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return awsapi.Errorf("SerializationException", "the body of DeleteRepository is not JSON: %v", err)
	}
	if !in.Force && len(g.store.list(in.RepositoryName)) > 0 {
		return awsapi.Errorf("RepositoryNotEmptyException",
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images",
			in.RepositoryName, awsapi.DefaultAccount)
	}
	return nil
}

// AfterDelete forgets the images of a repository that was deleted.
func (g *Registry) AfterDelete(body []byte) {
	var in request
	if err := json.Unmarshal(body, &in); err == nil {
		g.store.drop(in.RepositoryName)
	}
}

// Resolve gives the digest of a repository's tag.
func (g *Registry) Resolve(repo, tag string) (string, error) {
	image, err := g.store.get(repo, "", tag)
	return image.Digest, err
}

func (g *Registry) describeImages(in request) (any, error) {
	images := g.store.list(in.RepositoryName)
	if len(in.ImageIDs) > 0 {
		images = images[:0]
		for _, id := range in.ImageIDs {
			image, err := g.store.get(in.RepositoryName, id.Digest, id.Tag)
			if err != nil {
				return nil, notFound(in.RepositoryName, id)
			}
			if !slices.ContainsFunc(images, func(i Image) bool { return i.Digest == image.Digest }) {
				images = append(images, image)
			}
		}
	}
	details := []map[string]any{}
	for _, image := range images {
		if skipByTag(in.Filter.TagStatus, len(image.Tags) > 0) {
			continue
		}
		detail := map[string]any{
			"registryId": awsapi.DefaultAccount, "repositoryName": in.RepositoryName, "imageDigest": image.Digest,
			"imageSizeInBytes": image.Size, "imagePushedAt": awsapi.Time(image.PushedAt),
			"imageManifestMediaType": image.MediaType, "imageStatus": "ACTIVE",
		}
		if len(image.Tags) > 0 {
			detail["imageTags"] = image.Tags
		}
		if image.ConfigType != "" {
			detail["artifactMediaType"] = image.ConfigType
		}
		if status, _ := g.scanState(image); status != "" {
			detail["imageScanStatus"] = map[string]string{"status": status}
			if status == "COMPLETE" {
				findings := g.findings(in.RepositoryName, image)
				detail["imageScanFindingsSummary"] = map[string]any{
					"imageScanCompletedAt": awsapi.Time(image.ScanStarted.Add(g.delay)), "findingSeverityCounts": countBySeverity(findings),
				}
			}
		}
		details = append(details, detail)
	}
	return map[string]any{"imageDetails": details}, nil
}

func (g *Registry) listImages(in request) any {
	ids := []imageID{}
	for _, image := range g.store.list(in.RepositoryName) {
		if skipByTag(in.Filter.TagStatus, len(image.Tags) > 0) {
			continue
		}
		if len(image.Tags) == 0 {
			ids = append(ids, imageID{Digest: image.Digest})
		}
		for _, tag := range image.Tags {
			ids = append(ids, imageID{Digest: image.Digest, Tag: tag})
		}
	}
	return map[string]any{"imageIds": ids}
}

func (g *Registry) batchGetImage(in request) any {
	images, failures := []map[string]any{}, []failure{}
	for _, id := range in.ImageIDs {
		image, err := g.store.get(in.RepositoryName, id.Digest, id.Tag)
		if err != nil {
			failures = append(failures, missing(id))
			continue
		}
		images = append(images, apiImage(in.RepositoryName, image, id.Tag))
	}
	return map[string]any{"images": images, "failures": failures}
}

func (g *Registry) batchDeleteImage(in request) any {
	ids, failures := []imageID{}, []failure{}
	for _, id := range in.ImageIDs {
		image, err := g.store.remove(in.RepositoryName, id.Digest, id.Tag)
		if err != nil {
			failures = append(failures, missing(id))
			continue
		}
		ids = append(ids, imageID{Digest: image.Digest, Tag: id.Tag})
	}
	return map[string]any{"imageIds": ids, "failures": failures}
}

func (g *Registry) putImage(in request, settings Repository) (any, error) {
	if in.ImageTag != "" {
		if old, err := g.store.get(in.RepositoryName, "", in.ImageTag); err == nil {
			if string(old.Manifest) == in.ImageManifest {
				return nil, awsapi.Errorf("ImageAlreadyExistsException", "Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
					old.Digest, in.ImageTag, in.RepositoryName, awsapi.DefaultAccount)
			}
			if settings.Immutable {
				return nil, awsapi.Errorf("ImageTagAlreadyExistsException", "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.",
					in.ImageTag, in.RepositoryName)
			}
		}
	}
	mediaType := in.ManifestMediaType
	if mediaType == "" {
		var manifest struct {
			MediaType string `json:"mediaType"`
		}
		if err := json.Unmarshal([]byte(in.ImageManifest), &manifest); err != nil || manifest.MediaType == "" {
			return nil, awsapi.Errorf("InvalidParameterException", "the image manifest is not JSON with a media type; give imageManifestMediaType")
		}
		mediaType = manifest.MediaType
	}
	image := g.store.put(in.RepositoryName, in.ImageTag, mediaType, []byte(in.ImageManifest), settings.ScanOnPush)
	return map[string]any{"image": apiImage(in.RepositoryName, image, in.ImageTag)}, nil
}

func (g *Registry) startScan(in request) (any, error) {
	image, err := g.store.get(in.RepositoryName, in.ImageID.Digest, in.ImageID.Tag)
	if err != nil {
		return nil, notFound(in.RepositoryName, in.ImageID)
	}
	g.store.startScan(in.RepositoryName, image.Digest)
	return map[string]any{
		"registryId": awsapi.DefaultAccount, "repositoryName": in.RepositoryName,
		"imageId": imageID{Digest: image.Digest, Tag: in.ImageID.Tag}, "imageScanStatus": map[string]string{"status": "IN_PROGRESS"},
	}, nil
}

func (g *Registry) scanFindings(in request) (any, error) {
	image, err := g.store.get(in.RepositoryName, in.ImageID.Digest, in.ImageID.Tag)
	if err != nil {
		return nil, notFound(in.RepositoryName, in.ImageID)
	}
	status, reason := g.scanState(image)
	if status == "" {
		return nil, awsapi.Errorf("ScanNotFoundException", "Image scan does not exist for the image with '%s' in the repository with name '%s' in the registry with id '%s'",
			describeID(in.ImageID), in.RepositoryName, awsapi.DefaultAccount)
	}
	out := map[string]any{
		"registryId": awsapi.DefaultAccount, "repositoryName": in.RepositoryName,
		"imageId":         imageID{Digest: image.Digest, Tag: in.ImageID.Tag},
		"imageScanStatus": map[string]string{"status": status, "description": reason},
	}
	if status == "COMPLETE" {
		findings := g.findings(in.RepositoryName, image)
		out["imageScanFindings"] = map[string]any{
			// Without vulnerabilitySourceUpdatedAt: there is no vulnerability database here.
			"imageScanCompletedAt": awsapi.Time(image.ScanStarted.Add(g.delay)),
			"findings":             findings, "findingSeverityCounts": countBySeverity(findings),
		}
	}
	return out, nil
}

func (g *Registry) scanState(image Image) (status, description string) {
	switch {
	case image.ScanStarted.IsZero():
		return "", ""
	case g.clock().Before(image.ScanStarted.Add(g.delay)):
		return "IN_PROGRESS", "The scan is in progress."
	}
	return "COMPLETE", "The scan was completed successfully."
}

func (g *Registry) findings(repo string, image Image) []Finding {
	if g.scans != nil {
		if found := g.scans.ScanFindings(repo, image.Digest, image.Tags); found != nil {
			return found
		}
	}
	return []Finding{}
}

func countBySeverity(findings []Finding) map[string]int {
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Severity]++
	}
	return counts
}

func apiImage(repo string, image Image, tag string) map[string]any {
	return map[string]any{
		"registryId": awsapi.DefaultAccount, "repositoryName": repo, "imageId": imageID{Digest: image.Digest, Tag: tag},
		"imageManifest": string(image.Manifest), "imageManifestMediaType": image.MediaType,
	}
}

func skipByTag(status string, tagged bool) bool {
	return status == "TAGGED" && !tagged || status == "UNTAGGED" && tagged
}

func missing(id imageID) failure {
	return failure{ImageID: id, Code: "ImageNotFound", Reason: "Requested image not found"}
}

func notFound(repo string, id imageID) error {
	return awsapi.Errorf("ImageNotFoundException",
		"The image with imageId %s does not exist within the repository with name '%s' in the registry with id '%s'",
		describeID(id), repo, awsapi.DefaultAccount)
}

func describeID(id imageID) string {
	part := func(v string) string {
		if v == "" {
			return "'null'"
		}
		return "'" + v + "'"
	}
	return fmt.Sprintf("{imageDigest:%s, imageTag:%s}", part(id.Digest), part(id.Tag))
}

// Caller calls a JSON operation of moto.
type Caller interface {
	JSON(ctx context.Context, region, target string, in, out any) error
}

// MotoRepositories finds repositories in moto's ECR.
type MotoRepositories struct{ Moto Caller }

// Repository describes one repository.
func (m MotoRepositories) Repository(ctx context.Context, region, name string) (Repository, error) {
	var out struct {
		Repositories []struct {
			Name       string `json:"repositoryName"`
			Mutability string `json:"imageTagMutability"`
			Scanning   struct {
				ScanOnPush bool `json:"scanOnPush"`
			} `json:"imageScanningConfiguration"`
		} `json:"repositories"`
	}
	err := m.Moto.JSON(ctx, region, "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
		map[string]any{"repositoryNames": []string{name}}, &out)
	if err != nil {
		return Repository{}, err
	}
	if len(out.Repositories) != 1 {
		return Repository{}, errors.New("looking up repository " + name + ": moto named it neither found nor missing")
	}
	found := out.Repositories[0]
	return Repository{Name: found.Name, ScanOnPush: found.Scanning.ScanOnPush, Immutable: found.Mutability == "IMMUTABLE"}, nil
}
