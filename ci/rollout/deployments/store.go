package deployments

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Parameters is the part of SSM that this package calls; *ssm.Client has it.
type Parameters interface {
	GetParameter(ctx context.Context, in *ssm.GetParameterInput, opts ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	PutParameter(ctx context.Context, in *ssm.PutParameterInput, opts ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput, opts ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

// Objects is the part of Amazon S3 that this package calls; *s3.Client has it.
type Objects interface {
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, opts ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// Store keeps a history in an SSM parameter. One that is larger than a parameter
// may be goes to an object, to which the parameter then points; an object is never
// overwritten, so that the parameter alone decides what is current.
//
// It needs ssm:GetParameter, PutParameter and DeleteParameter on the parameter, and
// s3:GetObject, PutObject and DeleteObject under the prefix.
type Store struct {
	// API is SSM.
	API Parameters
	// Name is the parameter's, such as /sensor-backend/dev/deployments.
	Name string
	// Objects, Bucket and Prefix say where a history goes that a parameter does not
	// hold; without a bucket its oldest entries are left out.
	Objects        Objects
	Bucket, Prefix string
}

const (
	// maxValue is the size of a standard parameter's value (AWS Systems Manager
	// quotas: 4 KB).
	maxValue = 4096
	// maxObject bounds what is read as a history.
	maxObject = 8 << 20
	// maxUpdates is how often an update begins again that another writer overtook.
	maxUpdates = 5
	// maxPuts is how often a parameter is written whose answer is lost.
	maxPuts = 4
)

// Load reads the history; a parameter that does not exist yet is an empty one.
func (s Store) Load(ctx context.Context) (History, error) {
	h, _, err := s.load(ctx)
	if err != nil {
		return h, fmt.Errorf("read the deployments recorded in %s: %w", s.Name, err)
	}
	return h, nil
}

// stored is what the parameter holds: its version, 0 if there is none, its value, and
// the object that it points to.
type stored struct {
	version       int64
	value, object string
}

func (s Store) load(ctx context.Context) (History, stored, error) {
	now, err := s.get(ctx, s.Name)
	if err != nil || now.version == 0 {
		return History{}, now, err
	}
	h, err := s.resolve(ctx, &now)
	if err == nil || now.object == "" {
		return h, now, err
	}
	// Another writer may have replaced the object in between.
	again, readErr := s.get(ctx, s.Name)
	if readErr != nil || again.version == now.version {
		return h, now, err
	}
	h, err = s.resolve(ctx, &again)
	return h, again, err
}

// get reads the parameter by its name, or a version of it as NAME:VERSION.
func (s Store) get(ctx context.Context, name string) (stored, error) {
	var out *ssm.GetParameterOutput
	err := poll.Env{}.Ask(ctx, func(ctx context.Context) (err error) {
		out, err = s.API.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name)})
		return err
	})
	var missing *types.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return stored{}, nil
	case err != nil:
		return stored{}, err
	}
	return stored{version: max(1, out.Parameter.Version), value: aws.ToString(out.Parameter.Value)}, nil
}

// resolve is the history that a value holds or points to.
func (s Store) resolve(ctx context.Context, at *stored) (History, error) {
	d, err := parse(at.value)
	if err != nil {
		return History{}, err
	}
	if d.Object == "" {
		return d.history()
	}
	at.object = d.Object
	text, err := s.getObject(ctx, d.Object)
	if err != nil {
		return History{}, err
	}
	return Parse(text)
}

func (s Store) getObject(ctx context.Context, key string) (string, error) {
	if s.Objects == nil || s.Bucket == "" {
		return "", fmt.Errorf("it is kept in the object %s, and no bucket is given", key)
	}
	var text []byte
	err := poll.Env{}.Ask(ctx, func(ctx context.Context) error {
		out, err := s.Objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(s.Bucket), Key: aws.String(key)})
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		text, err = io.ReadAll(io.LimitReader(out.Body, maxObject))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s in bucket %s: %w", key, s.Bucket, err)
	}
	return string(text), nil
}

// Update reads the history, lets change work on it, and writes it. If another writer
// was quicker, change works once more, on what that one wrote: it must not keep
// anything from one call to the next.
func (s Store) Update(ctx context.Context, change func(*History)) error {
	h, now, err := s.load(ctx)
	if err != nil {
		return fmt.Errorf("record the deployments in %s: %w", s.Name, err)
	}
	old := []string{now.object}
	for range maxUpdates {
		change(&h)
		value, err := s.encode(ctx, h)
		if err != nil {
			return fmt.Errorf("record the deployments in %s: %w", s.Name, err)
		}
		version, err := s.put(ctx, value)
		if err != nil {
			return fmt.Errorf("record the deployments in %s: %w", s.Name, err)
		}
		theirs, err := s.overwritten(ctx, now, version, value)
		switch {
		case err != nil:
			return fmt.Errorf("record the deployments in %s: read what another writer recorded: %w", s.Name, err)
		case theirs == nil:
			for _, object := range old {
				if object != "" && object != pointer(value) {
					s.drop(ctx, object)
				}
			}
			return nil
		}
		if h, err = s.resolve(ctx, theirs); err != nil {
			return fmt.Errorf("record the deployments in %s: read what another writer recorded: %w", s.Name, err)
		}
		now = stored{version: version, value: value}
		old = append(old, theirs.object, pointer(value))
	}
	return fmt.Errorf("record the deployments in %s: others keep writing it; try again", s.Name)
}

// overwritten is what another writer put between the version that was read and the
// one that was written; nil if nobody did. SSM has no conditional write, and each
// write raises the version by one.
func (s Store) overwritten(ctx context.Context, read stored, written int64, value string) (*stored, error) {
	for v := written - 1; v > read.version; v-- {
		between, err := s.get(ctx, s.Name+":"+strconv.FormatInt(v, 10))
		if err != nil {
			return nil, err
		}
		// Our own earlier try, whose answer was lost, is not another writer.
		if between.version != 0 && between.value != value {
			return &between, nil
		}
	}
	return nil, nil
}

// put writes the parameter and returns its version. An answer that is lost is looked
// up.
func (s Store) put(ctx context.Context, value string) (int64, error) {
	loop := poll.Env{}.Start()
	for try := 1; ; try++ {
		var out *ssm.PutParameterOutput
		err := poll.Env{}.Change(ctx, func(ctx context.Context) (err error) {
			out, err = s.API.PutParameter(ctx, &ssm.PutParameterInput{
				Name: aws.String(s.Name), Value: aws.String(value), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
			}, func(o *ssm.Options) { o.Retryer = aws.NopRetryer{} })
			return err
		})
		switch {
		case err == nil:
			return out.Version, nil
		case try == maxPuts || !poll.Transient(err):
			return 0, err
		}
		if poll.Uncertain(err) {
			if now, readErr := s.get(ctx, s.Name); readErr == nil && now.value == value {
				return now.version, nil
			}
		}
		loop.Failed()
		if loop.Wait(ctx) != nil {
			return 0, err
		}
	}
}

// encode is the value of the parameter: the history, or the object that it was written
// to.
func (s Store) encode(ctx context.Context, h History) (string, error) {
	for n := min(len(h.List), keep); ; n-- {
		raw, err := json.Marshal(History{List: h.List[:n], Database: h.Database}.document())
		switch {
		case err != nil:
			return "", err
		case len(raw) <= maxValue:
			return string(raw), nil
		case s.Objects != nil && s.Bucket != "":
			return s.putObject(ctx, raw)
		case n <= 1:
			return "", fmt.Errorf("the newest entry alone has %d bytes and a parameter holds %d: give a bucket", len(raw), maxValue)
		}
	}
}

func (s Store) putObject(ctx context.Context, raw []byte) (string, error) {
	sum := sha256.Sum256(raw)
	key := s.Prefix + hex.EncodeToString(sum[:]) + ".json"
	err := poll.Env{}.Ask(ctx, func(ctx context.Context) error {
		// Writing the same object again is the same, so that a lost answer does no harm.
		_, err := s.Objects.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(s.Bucket), Key: aws.String(key), Body: bytes.NewReader(raw), ContentType: aws.String("application/json"),
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write %s in bucket %s: %w", key, s.Bucket, err)
	}
	pointer, err := json.Marshal(document{Format: format, Object: key})
	return string(pointer), err
}

// pointer is the key of the object that a value points to; empty if it holds the
// history itself.
func pointer(value string) string {
	d, err := parse(value)
	if err != nil {
		return ""
	}
	return d.Object
}

// drop removes an object to which the parameter does not point any more. One that is
// left costs a few kilobytes and changes nothing.
func (s Store) drop(ctx context.Context, object string) {
	_ = poll.Env{}.Call(ctx, func(ctx context.Context) error {
		_, err := s.Objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(s.Bucket), Key: aws.String(object)})
		return err
	})
}

// Forget removes the history. One that does not exist is not an error.
func (s Store) Forget(ctx context.Context) error {
	now, err := s.get(ctx, s.Name)
	if err != nil {
		return fmt.Errorf("remove the deployments recorded in %s: %w", s.Name, err)
	}
	err = poll.Env{}.Ask(ctx, func(ctx context.Context) error {
		_, err := s.API.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.Name)})
		return err
	})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("remove the deployments recorded in %s: %w", s.Name, err)
	}
	if object := pointer(now.value); object != "" && s.Objects != nil {
		s.drop(ctx, object)
	}
	return nil
}
