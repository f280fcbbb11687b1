package lambda

import (
	"errors"
	"fmt"
	"regexp"

	"dagger/sensor-backend/lambdazip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// source is the code of a request in the form in which it is sent.
type source struct {
	// name says what it is, for progress lines.
	name string
	// hash is what Lambda reports as CodeSha256 of it, empty if that is known only
	// from Lambda's answer.
	hash string
	kind types.PackageType
	fill func(in *lambda.UpdateFunctionCodeInput)
}

// byDigest is an image by digest, with the digest's hex digits.
var byDigest = regexp.MustCompile(`^[^@\s]+@sha256:([0-9a-f]{64})$`)

// source checks the request and returns its code.
func (r Request) source() (source, error) {
	if r.Function == "" || r.Alias == "" {
		return source{}, errors.New("function and alias must be given")
	}
	given := 0
	for _, is := range []bool{len(r.Zip) > 0, r.Object != Object{}, r.Image != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return source{}, errors.New("the code must be given once: as a zip, as an object in S3 or as an image")
	case len(r.Zip) > lambdazip.MaxDirectUpload:
		return source{}, fmt.Errorf("the zip has %.1f MB and Lambda takes %d MB in a request: put it in a bucket and give the object", float64(len(r.Zip))/(1<<20), lambdazip.MaxDirectUpload>>20)
	case len(r.Zip) > 0:
		return source{
			name: fmt.Sprintf("%d bytes", len(r.Zip)), hash: lambdazip.CodeSHA256(r.Zip), kind: types.PackageTypeZip,
			fill: func(in *lambda.UpdateFunctionCodeInput) { in.ZipFile = r.Zip },
		}, nil
	case r.Image != "":
		m := byDigest.FindStringSubmatch(r.Image)
		if m == nil {
			return source{}, fmt.Errorf("image %q: name it by digest, as REPOSITORY@sha256:HEX; a tag may move", r.Image)
		}
		// Lambda reports an image's digest as its hash, in hex.
		return source{name: r.Image, hash: m[1], kind: types.PackageTypeImage, fill: func(in *lambda.UpdateFunctionCodeInput) { in.ImageUri = aws.String(r.Image) }}, nil
	case r.Object.Bucket == "" || r.Object.Key == "":
		return source{}, errors.New("an object in S3 needs a bucket and a key")
	}
	return source{
		name: fmt.Sprintf("s3://%s/%s", r.Object.Bucket, r.Object.Key), hash: r.Object.CodeSHA256, kind: types.PackageTypeZip,
		fill: func(in *lambda.UpdateFunctionCodeInput) {
			in.S3Bucket, in.S3Key = aws.String(r.Object.Bucket), aws.String(r.Object.Key)
			if r.Object.Version != "" {
				in.S3ObjectVersion = aws.String(r.Object.Version)
			}
		},
	}, nil
}

// fits refuses code of another kind than the function's, which Lambda never
// changes (API UpdateFunctionCode).
func (s source) fits(function string, c *lambda.GetFunctionConfigurationOutput) error {
	has := c.PackageType
	if has == "" {
		has = types.PackageTypeZip
	}
	switch has {
	case s.kind:
		return nil
	case types.PackageTypeImage:
		return fmt.Errorf("function %s is made from a container image, and Lambda does not change that: give an image, not a zip", function)
	default:
		return fmt.Errorf("function %s is made from a zip, and Lambda does not change that: give a zip or an object in S3, not an image", function)
	}
}
