// Package target says where a deployment goes: which environment, which
// region, and which AWS, the emulated one or a real account. It checks what
// the user gave before anything is done with it.
package target

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dagger/sensor-backend/text"
)

// Environments lists the valid environments, each with a state of its own.
func Environments() []string { return []string{"dev", "staging", "prod"} }

// CheckEnvironment returns an error that lists the valid names unless name is
// one of them.
func CheckEnvironment(name string) error {
	if !slices.Contains(Environments(), name) {
		return text.Unknown("environment", name, Environments(), "--environment")
	}
	return nil
}

// regions are the region codes of the AWS General Reference, "Regions and
// zones", without the ones closed to the public.
const regions = `
af-south-1
ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3
ap-south-1 ap-south-2
ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5
ap-southeast-6 ap-southeast-7
ca-central-1 ca-west-1
cn-north-1 cn-northwest-1
eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2
eu-west-1 eu-west-2 eu-west-3
il-central-1
me-central-1 me-south-1
mx-central-1
sa-east-1
us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2
`

// CheckRegion returns an error unless code is a region of AWS. For a slip of
// the pen it names the regions of the same area.
func CheckRegion(code string) error {
	known := strings.Fields(regions)
	if slices.Contains(known, code) {
		return nil
	}
	if near := text.Nearest(code, known); near != "" {
		return fmt.Errorf("unknown region %q: did you mean --aws-region %s?", code, near)
	}
	area, _, _ := strings.Cut(code, "-")
	var near []string
	for _, r := range known {
		if strings.HasPrefix(r, area+"-") {
			near = append(near, r)
		}
	}
	if len(near) == 0 {
		return fmt.Errorf("unknown region %q: give a region code, for example --aws-region us-east-1", code)
	}
	return fmt.Errorf("unknown region %q: in %s there are %s; for example --aws-region %s", code, area, strings.Join(near, ", "), near[0])
}

// Credentials are an AWS access key in plain text; they live only in memory.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken is empty for a long-lived key.
	SessionToken string
}

// String hides the values, so that a credential cannot reach a log by %v.
func (Credentials) String() string { return "(credentials)" }

// GoString hides the values from %#v.
func (c Credentials) GoString() string { return c.String() }

var (
	accessKeyID     = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	secretAccessKey = regexp.MustCompile(`^[A-Za-z0-9/+=]{16,128}$`)
)

// ParseCredentials checks the shape of the three values, with the white space
// around them removed. All empty means no credentials: ok is false. The shapes
// are those of the STS API's Credentials type. No value is ever part of an
// error.
func ParseCredentials(keyID, secret, token string) (c Credentials, ok bool, err error) {
	c = Credentials{strings.TrimSpace(keyID), strings.TrimSpace(secret), strings.TrimSpace(token)}
	switch {
	case c == Credentials{}:
		return Credentials{}, false, nil
	case c.AccessKeyID == "":
		return Credentials{}, false, fmt.Errorf("aws credentials: the access key id is missing; give --aws-access-key-id as well, or none of the three for the emulated AWS")
	case c.SecretAccessKey == "":
		return Credentials{}, false, fmt.Errorf("aws credentials: the secret access key is missing; give --aws-secret-access-key as well, or none of the three for the emulated AWS")
	case !accessKeyID.MatchString(c.AccessKeyID):
		return Credentials{}, false, fmt.Errorf("aws credentials: --aws-access-key-id is malformed: it has 16 or more capital letters and digits, such as AKIA…; check that key id and secret are not swapped")
	case !secretAccessKey.MatchString(c.SecretAccessKey):
		return Credentials{}, false, fmt.Errorf("aws credentials: --aws-secret-access-key is malformed: it has 40 letters, digits, / and +; check that it was copied whole")
	case strings.HasPrefix(c.AccessKeyID, "ASIA") && c.SessionToken == "":
		return Credentials{}, false, fmt.Errorf("aws credentials: a temporary key (ASIA…) needs its session token; give --aws-session-token as well")
	case strings.ContainsAny(c.SessionToken, " \t\r\n"):
		return Credentials{}, false, fmt.Errorf("aws credentials: --aws-session-token is malformed: it has white space inside; check that it was copied whole")
	}
	return c, true, nil
}
