package provider

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const services = `package sdkv2

import (
	"context"

	"github.com/hashicorp/terraform-provider-aws/internal/conns"
	"github.com/hashicorp/terraform-provider-aws/internal/service/acm"
	"github.com/hashicorp/terraform-provider-aws/internal/service/s3"
	"github.com/hashicorp/terraform-provider-aws/internal/service/s3control"
)

func servicePackages(ctx context.Context) []conns.ServicePackage {
	v := []conns.ServicePackage{
		acm.ServicePackage(ctx),
		s3.ServicePackage(ctx),
		s3control.ServicePackage(ctx),
	}
	return v
}
`

const clients = `package conns

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func (c *AWSClient) ACMClient(ctx context.Context) *acm.Client {
	return errs.Must(client[*acm.Client](ctx, c, names.ACM, make(map[string]any)))
}

func (c *AWSClient) S3Client(ctx context.Context) *s3.Client {
	return errs.Must(client[*s3.Client](ctx, c, names.S3, make(map[string]any)))
}
`

func TestCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cut          func(string, []string) (string, error)
		source       string
		keep         []string
		gone, stays  []string
		wantRejected bool
	}{
		"services": {
			CutServices, services, []string{"s3"},
			[]string{"acm", "s3control"}, []string{"internal/service/s3\"", "s3.ServicePackage(ctx)", "internal/conns"}, false,
		},
		"clients": {
			CutClients, clients, []string{"s3"},
			[]string{"acm", "ACM"}, []string{"service/s3\"", "S3Client"}, false,
		},
		"all stay":        {CutClients, clients, []string{"acm", "s3"}, nil, []string{"ACMClient", "S3Client"}, false},
		"unknown service": {CutServices, services, []string{"s3", "teleport"}, nil, nil, true},
		"unknown client":  {CutClients, clients, []string{"teleport"}, nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.cut(c.source, c.keep)
			if (err != nil) != c.wantRejected {
				t.Fatalf("cut: %v", err)
			}
			if err != nil {
				return
			}
			if _, err := parser.ParseFile(token.NewFileSet(), "x.go", got, 0); err != nil {
				t.Errorf("the result does not parse: %v\n%s", err, got)
			}
			for _, word := range c.gone {
				if strings.Contains(got, word) {
					t.Errorf("%s is still there:\n%s", word, got)
				}
			}
			for _, word := range c.stays {
				if !strings.Contains(got, word) {
					t.Errorf("%s is gone:\n%s", word, got)
				}
			}
		})
	}
}

func FuzzCut(f *testing.F) {
	f.Add(services)
	f.Add(clients)
	f.Add("func (c *AWSClient) X(ctx context.Context) *x.Client {\n")
	f.Fuzz(func(t *testing.T, source string) {
		for _, cut := range []func(string, []string) (string, error){CutServices, CutClients} {
			once, err := cut(source, nil)
			if err != nil {
				t.Fatalf("cutting to nothing fails: %v", err)
			}
			if len(once) > len(source) {
				t.Error("the cut text is longer")
			}
		}
	})
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	module, dir := t.TempDir(), filepath.Join(t.TempDir(), "src")
	var allServices, allClients strings.Builder
	for _, name := range append(Services(), "acm") {
		allServices.WriteString("\t\"github.com/hashicorp/terraform-provider-aws/internal/service/" + name + "\"\n")
	}
	for _, name := range append(Clients(), "acm") {
		allClients.WriteString("\t\"github.com/aws/aws-sdk-go-v2/service/" + name + "\"\n")
	}
	for name, content := range map[string]string{
		"go.mod": "m", "go.sum": "s", "main.go": "package main", "names/n.go": "n", "version/v.go": "v",
		"names/n_test.go": "test", "internal/testdata/big": "data", "docs/d.md": "doc",
		"internal/provider/sdkv2/service_packages_gen.go": allServices.String(),
		"internal/conns/awsclient_gen.go":                 allClients.String(),
	} {
		path := filepath.Join(module, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		// As in the module cache, where nothing may be written.
		if err := os.WriteFile(path, []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prepare(module, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"go.mod": true, "main.go": true, "names/n.go": true,
		"names/n_test.go": false, "internal/testdata": false, "docs": false,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %t", name, err, want)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "internal/conns/awsclient_gen.go"))
	if err != nil || strings.Contains(string(content), "acm") {
		t.Errorf("the list is not cut: %s, %v", content, err)
	}
}

func TestMirrorDirs(t *testing.T) {
	t.Parallel()
	if got, want := MirrorDir("arm64")+"/"+FileName(),
		"usr/share/terraform/plugins/registry.terraform.io/hashicorp/aws/6.13.0/linux_arm64/terraform-provider-aws_v6.13.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.Contains(TofuMirrorDir("amd64"), "registry.opentofu.org/hashicorp/aws/6.13.0/linux_amd64") {
		t.Errorf("got %s", TofuMirrorDir("amd64"))
	}
}
