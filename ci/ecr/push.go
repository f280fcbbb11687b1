package ecr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// PushRequest says what to push and where to.
type PushRequest struct {
	// Image comes from Prepare.
	Image *Prepared
	// Repository is the repository's address as task definitions name it.
	Repository string
	// Credentials come from Login; their endpoint is where the push goes, over
	// plain http if it says so.
	Credentials Credentials
	// Tags are set on the image after it is there under its digest.
	Tags []string
	// Transport is used for requests; nil means the default one.
	Transport http.RoundTripper
	// Progress receives a line for each step; nil means none.
	Progress func(line string)
}

// Pushed is an image that is in the registry.
type Pushed struct {
	// Digest is the manifest's digest, sha256:...
	Digest string
	// Reference is HOST/NAME@DIGEST, what a task definition gets.
	Reference string
	// Tags are the tags that now name the image.
	Tags []string
	// Size is the compressed size of config and layers in bytes.
	Size int64
	// Layers is the number of layers.
	Layers int
	// Uploaded counts the blobs (layers and config) that had to be sent; the
	// others were there already.
	Uploaded int
	// Sent is the number of bytes sent for them.
	Sent int64
}

// String is one line for a report.
func (p Pushed) String() string {
	return fmt.Sprintf("%s (%s), %d layers, %.1f MB, %d blobs and %.1f MB sent",
		p.Digest, strings.Join(p.Tags, ", "), p.Layers, mb(p.Size), p.Uploaded, mb(p.Sent))
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// Push sends what the registry lacks of an image, puts the manifest there under its
// digest and then moves the tags to it. A push of the same image again sends nothing.
func Push(ctx context.Context, req PushRequest) (Pushed, error) {
	repo, err := ParseRepository(req.Repository)
	if err != nil {
		return Pushed{}, fmt.Errorf("push image: %w", err)
	}
	img := req.Image.image
	pushed, err := describe(img, repo)
	if err != nil {
		return Pushed{}, fmt.Errorf("push image: %w", err)
	}
	target, err := targetRepository(req.Credentials.Endpoint, repo.Name)
	if err != nil {
		return Pushed{}, fmt.Errorf("push image: %w", err)
	}
	say := req.Progress
	if say == nil {
		say = func(string) {}
	}
	meter := &meter{next: req.Transport}
	if meter.next == nil {
		meter.next = remote.DefaultTransport
	}
	options := options(ctx, req.Credentials, meter)
	say(fmt.Sprintf("pushing %s (%d layers, %.1f MB) to %s", pushed.Digest, pushed.Layers, mb(pushed.Size), repo))
	if err := remote.Write(target.Digest(pushed.Digest), img, options...); err != nil {
		return Pushed{}, fmt.Errorf("push image %s: %w", pushed.Reference, explain(err, repo))
	}
	pushed.Uploaded, pushed.Sent = int(meter.blobs.Load()), meter.bytes.Load()
	for _, t := range req.Tags {
		if err := tag(img, target, t, pushed.Digest, options); err != nil {
			return Pushed{}, fmt.Errorf("tag image %s as %s: %w", pushed.Reference, t, explain(err, repo))
		}
		pushed.Tags = append(pushed.Tags, t)
	}
	say("pushed " + pushed.String())
	return pushed, nil
}

// describe takes the image's digest and sizes.
func describe(img v1.Image, repo Repository) (Pushed, error) {
	digest, err := img.Digest()
	if err != nil {
		return Pushed{}, fmt.Errorf("compute its digest: %w", err)
	}
	m, err := img.Manifest()
	if err != nil {
		return Pushed{}, fmt.Errorf("compute its manifest: %w", err)
	}
	ref, err := repo.WithDigest(digest.String())
	if err != nil {
		return Pushed{}, err
	}
	p := Pushed{Digest: digest.String(), Reference: ref, Layers: len(m.Layers), Size: m.Config.Size}
	for _, l := range m.Layers {
		p.Size += l.Size
	}
	return p, nil
}

// targetRepository is the repository at the endpoint that the login named.
func targetRepository(endpoint, repository string) (name.Repository, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return name.Repository{}, fmt.Errorf("registry endpoint %q: want http://HOST or https://HOST", endpoint)
	}
	opts := []name.Option{name.StrictValidation}
	switch u.Scheme {
	case "https":
	case "http":
		opts = append(opts, name.Insecure)
	default:
		return name.Repository{}, fmt.Errorf("registry endpoint %q: want http or https", endpoint)
	}
	target, err := name.NewRepository(u.Host+"/"+repository, opts...)
	if err != nil {
		return name.Repository{}, fmt.Errorf("registry endpoint %q: %w", endpoint, err)
	}
	return target, nil
}

// Retag points a tag at an image that is in the repository, by its digest,
// unless it does already. The tag latest moves so, once the image passed its
// gate.
func Retag(ctx context.Context, req RetagRequest) error {
	repo, err := ParseRepository(req.Repository)
	if err != nil {
		return fmt.Errorf("tag image: %w", err)
	}
	target, err := targetRepository(req.Credentials.Endpoint, repo.Name)
	if err != nil {
		return fmt.Errorf("tag image: %w", err)
	}
	options := options(ctx, req.Credentials, req.Transport)
	image, err := remote.Get(target.Digest(req.Digest), options...)
	if err == nil {
		err = tag(image, target, req.Tag, req.Digest, options)
	}
	if err != nil {
		return fmt.Errorf("tag image %s@%s as %s: %w", repo, req.Digest, req.Tag, explain(err, repo))
	}
	return nil
}

// RetagRequest says which image gets which tag.
type RetagRequest struct {
	// Repository is the repository's address as task definitions name it.
	Repository string
	// Digest is the image's, sha256:...
	Digest string
	// Tag is what shall name it.
	Tag string
	// Credentials come from Login.
	Credentials Credentials
	// Transport is used for requests; nil means the default one.
	Transport http.RoundTripper
}

// options are what every request to a registry takes.
func options(ctx context.Context, c Credentials, transport http.RoundTripper) []remote.Option {
	if transport == nil {
		transport = remote.DefaultTransport
	}
	if strings.HasPrefix(c.Endpoint, "http://") {
		transport = plain{transport}
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(transport),
		remote.WithAuth(&authn.Basic{Username: c.User, Password: c.Password}),
	}
}

// plain refuses TLS for a registry that was named without: the library would try
// it first, and a server that speaks none ends the connection.
type plain struct{ http.RoundTripper }

// RoundTrip answers what is asked in the clear.
func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return nil, fmt.Errorf("%s was named as http://", r.URL.Host)
	}
	return p.RoundTripper.RoundTrip(r)
}

// tag points a tag at the image unless it does already: a repository with
// immutable tags refuses to be told twice.
func tag(img remote.Taggable, target name.Repository, tag, digest string, options []remote.Option) error {
	ref := target.Tag(tag)
	if d, err := remote.Head(ref, options...); err == nil && d.Digest.String() == digest {
		return nil
	}
	return remote.Tag(ref, img, options...)
}

// explain adds the next step to the registry's refusals.
func explain(err error, repo Repository) error {
	var te *transport.Error
	if !errors.As(err, &te) {
		return err
	}
	has := func(codes ...transport.ErrorCode) bool {
		return slices.ContainsFunc(te.Errors, func(d transport.Diagnostic) bool { return slices.Contains(codes, d.Code) })
	}
	switch {
	case has(transport.NameUnknownErrorCode):
		return fmt.Errorf("%w: %s: %w; run apply first, it makes the repository", ErrNoRepository, repo.Name, err)
	case te.StatusCode == http.StatusUnauthorized, te.StatusCode == http.StatusForbidden, has(transport.UnauthorizedErrorCode, transport.DeniedErrorCode):
		return fmt.Errorf("%w; the token lasts 12 hours and the role needs push permission on %s", err, repo.Name)
	}
	return err
}

// meter counts the blobs that are uploaded through it and their bytes (OCI
// Distribution Specification: a blob upload ends with a PUT that carries its
// digest; the bytes go with PATCH or with that PUT).
type meter struct {
	next  http.RoundTripper
	blobs atomic.Int64
	bytes atomic.Int64
}

// RoundTrip sends the request on.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "/blobs/uploads/") || (r.Method != http.MethodPut && r.Method != http.MethodPatch) {
		return m.next.RoundTrip(r)
	}
	if r.Body != nil {
		r = r.Clone(r.Context())
		r.Body = &countingBody{ReadCloser: r.Body, n: &m.bytes}
	}
	resp, err := m.next.RoundTrip(r)
	if err == nil && r.Method == http.MethodPut && resp.StatusCode == http.StatusCreated {
		m.blobs.Add(1)
	}
	return resp, err
}
