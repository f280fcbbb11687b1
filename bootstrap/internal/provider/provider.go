// Package provider prepares the source of Terraform's AWS provider, cut down
// to the services that this project's infrastructure uses. The whole provider
// takes half an hour to compile; everything that stays is the real code.
package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// What is built. The module is a mirror, under its own name, of the provider's
// release; go.sum cannot pin a module that calls itself by another name, so
// its hash stands here.
const (
	Module  = "github.com/upbound/terraform-provider-aws"
	Commit  = "v0.0.0-20251204202605-7049bcc1808e"
	Sum     = "h1:8vCgYjBCQ7Mn391mft3hRk8eAomY48L7PS6Trdg9QwI="
	Version = "6.13.0"
	// VersionVariable is what the linker sets to Version.
	VersionVariable = "github.com/hashicorp/terraform-provider-aws/version.ProviderVersion"
)

// Services are the provider's own packages that stay.
func Services() []string {
	return strings.Fields(`appautoscaling budgets cloudformation cloudwatch deploy dynamodb ec2 ecr ecs elbv2
		events iam kms lambda logs meta organizations redshift s3 s3control sns sqs sts`)
}

// Clients are the packages of the AWS SDK that stay.
func Clients() []string {
	return strings.Fields(`account applicationautoscaling budgets cloudformation cloudwatch cloudwatchlogs
		codedeploy dynamodb ec2 ecr ecs elasticloadbalancingv2 eventbridge iam kms lambda organizations redshift
		redshiftdata redshiftserverless s3 s3control sns sqs sts`)
}

// parts of the module that the build needs.
func parts() []string {
	return []string{"go.mod", "go.sum", "main.go", "internal", "names", "version"}
}

// Prepare copies the module's source from one directory to a new one and cuts
// the lists in it.
func Prepare(module, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the directory for the provider's source: %w", err)
	}
	from, err := os.OpenRoot(module)
	if err != nil {
		return fmt.Errorf("open the provider's source: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the directory for the provider's source: %w", err)
	}
	defer func() { _ = to.Close() }()
	for _, part := range parts() {
		if err := copyTree(from, to, part); err != nil {
			return fmt.Errorf("copy the provider's source: %w", err)
		}
	}
	cuts := []struct {
		file string
		cut  func(string, []string) (string, error)
		keep []string
	}{
		{"internal/provider/sdkv2/service_packages_gen.go", CutServices, Services()},
		{"internal/conns/awsclient_gen.go", CutClients, Clients()},
	}
	for _, c := range cuts {
		source, err := to.ReadFile(c.file)
		if err != nil {
			return fmt.Errorf("read the provider's list: %w", err)
		}
		result, err := c.cut(string(source), c.keep)
		if err != nil {
			return fmt.Errorf("cut %s: %w", c.file, err)
		}
		if err := to.WriteFile(c.file, []byte(result), 0o600); err != nil {
			return fmt.Errorf("write the provider's list: %w", err)
		}
	}
	return nil
}

var (
	serviceImport = regexp.MustCompile(`^\s*"[^"]*/internal/service/(\w+)"$`)
	serviceEntry  = regexp.MustCompile(`^\s*(\w+)\.ServicePackage\(ctx\),$`)
	clientImport  = regexp.MustCompile(`^\s*"github\.com/aws/aws-sdk-go-v2/service/(\w+)"$`)
	clientFunc    = regexp.MustCompile(`(?ms)^func \(c \*AWSClient\) \w+\(ctx context\.Context\) \*(\w+)\.Client \{\n.*?^\}\n`)
)

// CutServices leaves, of the generated list of service packages, those named
// in keep. A name that the list does not have is an error.
func CutServices(source string, keep []string) (string, error) {
	return cutLines(source, keep, serviceImport, serviceEntry)
}

// CutClients leaves, of the generated list of SDK clients, those named in
// keep. A name that the list does not have is an error.
func CutClients(source string, keep []string) (string, error) {
	source, err := cutLines(source, keep, clientImport)
	if err != nil {
		return "", err
	}
	wanted := set(keep)
	return clientFunc.ReplaceAllStringFunc(source, func(f string) string {
		if wanted[clientFunc.FindStringSubmatch(f)[1]] {
			return f
		}
		return ""
	}), nil
}

func cutLines(source string, keep []string, patterns ...*regexp.Regexp) (string, error) {
	wanted := set(keep)
	found := map[string]bool{}
	var out strings.Builder
	for line := range strings.Lines(source) {
		drop := false
		for _, pattern := range patterns {
			if m := pattern.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
				found[m[1]] = true
				drop = !wanted[m[1]]
			}
		}
		if !drop {
			out.WriteString(line)
		}
	}
	for _, name := range keep {
		if !found[name] {
			return "", fmt.Errorf("the list has no %s; has the provider's version changed?", name)
		}
	}
	return out.String(), nil
}

// MirrorDir is where, below the root of a file system, Terraform looks for the
// provider by itself before it asks a registry.
func MirrorDir(arch string) string {
	return path.Join("usr/share/terraform/plugins/registry.terraform.io/hashicorp/aws", Version, "linux_"+arch)
}

// TofuMirrorDir is the same for OpenTofu, which looks in root's home and knows
// the provider by the name of another registry.
func TofuMirrorDir(arch string) string {
	return path.Join("root/.terraform.d/plugins/registry.opentofu.org/hashicorp/aws", Version, "linux_"+arch)
}

// FileName is the provider's name in those directories.
func FileName() string { return "terraform-provider-aws_v" + Version }

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// copyTree copies a file or directory, from one root to another, without its
// tests; the copy is writable, which the module cache is not.
func copyTree(from, to *os.Root, part string) error {
	return fs.WalkDir(from.FS(), part, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir():
			return to.MkdirAll(name, 0o750)
		case strings.HasSuffix(name, "_test.go"):
			return nil
		case !d.Type().IsRegular():
			return errors.New(name + " is neither a file nor a directory")
		}
		content, err := from.ReadFile(name)
		if err != nil {
			return err
		}
		return to.WriteFile(name, content, 0o600)
	})
}
