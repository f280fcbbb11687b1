package ready

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// CertificateAPI looks at a certificate.
type CertificateAPI interface {
	DescribeCertificate(context.Context, *acm.DescribeCertificateInput, ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error)
}

// Certificate checks that the load balancer's certificate is issued and covers the
// API's domain.
func Certificate(api CertificateAPI, arn, domain string) Check {
	const name = "certificate"
	return Check{Name: name, Look: func(ctx context.Context) ([]Line, error) {
		if arn == "" {
			return []Line{{Check: name, State: Skipped, Detail: "the load balancer speaks plain HTTP"}}, nil
		}
		out, err := api.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &arn})
		switch {
		case missing(err):
			return []Line{{
				Check: name, State: Failed, Detail: "there is no " + arn,
				Remedy: "aws acm request-certificate --validation-method DNS --domain-name " + domain + ", and put its ARN into certificate_arn",
			}}, nil
		case err != nil:
			return nil, err
		}
		c := out.Certificate
		covered := append([]string{aws.ToString(c.DomainName)}, c.SubjectAlternativeNames...)
		switch {
		case c.Status == types.CertificateStatusPendingValidation:
			return []Line{{
				Check: name, State: Failed, Detail: arn + " is not issued: its domain is not validated",
				Remedy: "make the DNS records that this names: aws acm describe-certificate --certificate-arn " + arn,
			}}, nil
		case c.Status != types.CertificateStatusIssued:
			return []Line{{
				Check: name, State: Failed, Detail: fmt.Sprintf("%s is %s", arn, c.Status),
				Remedy: "aws acm request-certificate --validation-method DNS --domain-name " + domain + ", and put its ARN into certificate_arn",
			}}, nil
		case !slices.ContainsFunc(covered, func(pattern string) bool { return covers(pattern, domain) }):
			return []Line{{
				Check: name, State: Failed, Detail: fmt.Sprintf("%s covers %s and not %s", arn, strings.Join(slices.Compact(covered), ", "), domain),
				Remedy: "set domain_name to a name that it covers, or request one for " + domain,
			}}, nil
		}
		return []Line{{Check: name, State: OK, Detail: fmt.Sprintf("issued, covers %s", domain)}}, nil
	}}
}

// covers reports whether a name of a certificate stands for a domain: a star stands
// for one label, the first (RFC 6125, section 6.4.3).
func covers(pattern, domain string) bool {
	pattern, domain = strings.ToLower(pattern), strings.ToLower(domain)
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		label, parent, _ := strings.Cut(domain, ".")
		return label != "" && parent == rest
	}
	return pattern == domain
}
