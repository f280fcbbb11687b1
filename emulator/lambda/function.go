package lambda

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// Moto is what keeps functions, versions and aliases.
type Moto interface {
	// JSON calls an operation of a JSON 1.1 service.
	JSON(ctx context.Context, region, target string, in, out any) error
	// REST calls an operation of a REST service.
	REST(ctx context.Context, method, service, region, path string, in, out any) error
	// Get reads a path of a REST service as it is.
	Get(ctx context.Context, service, region, path string) ([]byte, error)
	// Form calls an operation of a query service.
	Form(ctx context.Context, service, region string, values url.Values) ([]byte, error)
}

const latest = "$LATEST"

// Name names a function and, if Qualifier is set, a version or an alias of it.
type Name struct {
	Region    string
	Function  string
	Qualifier string
}

// ParseName reads the forms that Lambda takes: a name, a partial ARN
// (123456789012:function:name) or a whole one, each with or without :qualifier.
// Region is the one of the ARN or else the given one.
func ParseName(text, region string) (Name, error) {
	name := Name{Region: region}
	parts := strings.Split(text, ":")
	switch {
	case parts[0] == "arn" && len(parts) >= 7 && parts[2] == "lambda" && parts[5] == "function":
		name.Region, parts = parts[3], parts[6:]
	case len(parts) >= 3 && parts[1] == "function":
		parts = parts[2:]
	}
	if len(parts) > 2 || parts[0] == "" || parts[0] == "arn" {
		return Name{}, awsapi.Errorf("ValidationException", "%q is not a name of a Lambda function: give a name or an ARN", text)
	}
	name.Function = parts[0]
	if len(parts) == 2 {
		name.Qualifier = parts[1]
	}
	return name, nil
}

// configuration is the part of a function's configuration that a run needs.
type configuration struct {
	FunctionName string `json:"FunctionName"`
	FunctionARN  string `json:"FunctionArn"`
	Version      string `json:"Version"`
	CodeSHA256   string `json:"CodeSha256"`
	Handler      string `json:"Handler"`
	Timeout      int    `json:"Timeout"`
	MemorySize   int    `json:"MemorySize"`
	RevisionID   string `json:"RevisionId"`
	Role         string `json:"Role"`
	KeyARN       string `json:"KMSKeyArn"`
	Tracing      struct {
		Mode string `json:"Mode"`
	} `json:"TracingConfig"`
	Environment struct {
		Variables map[string]string `json:"Variables"`
	} `json:"Environment"`
	DeadLetter struct {
		Target string `json:"TargetArn"`
	} `json:"DeadLetterConfig"`
	Logging struct {
		Group string `json:"LogGroup"`
	} `json:"LoggingConfig"`
}

func (c configuration) logGroup() string {
	if c.Logging.Group != "" {
		return c.Logging.Group
	}
	return "/aws/lambda/" + c.FunctionName
}

// alias is where an alias leads.
type alias struct {
	Version string `json:"FunctionVersion"`
	Routing struct {
		Weights map[string]float64 `json:"AdditionalVersionWeights"`
	} `json:"RoutingConfig"`
}

// choose takes a version by the alias's weights; draw is in [0, 1).
func (a alias) choose(draw float64) string {
	for version, weight := range a.Routing.Weights {
		if draw < weight {
			return version
		}
		draw -= weight
	}
	return a.Version
}

// resolve finds the version that a name means now.
func (s *Service) resolve(ctx context.Context, name Name) (configuration, error) {
	version := name.Qualifier
	switch {
	case version == "":
		version = latest
	case !isVersion(version):
		var found alias
		if err := s.moto.REST(ctx, http.MethodGet, "lambda", name.Region, functionPath(name.Function)+"/aliases/"+url.PathEscape(version), nil, &found); err != nil {
			return configuration{}, err
		}
		version = found.choose(s.draw())
	}
	var out struct {
		Configuration configuration `json:"Configuration"`
	}
	err := s.moto.REST(ctx, http.MethodGet, "lambda", name.Region, functionPath(name.Function)+"?Qualifier="+url.QueryEscape(version), nil, &out)
	return out.Configuration, err
}

// code is the zip of a version.
func (s *Service) code(ctx context.Context, region string, c configuration) ([]byte, error) {
	return s.moto.Get(ctx, "lambda", region, "/_moto/lambda-code/"+region+"/"+url.PathEscape(c.FunctionName)+"/"+url.PathEscape(c.Version))
}

func functionPath(name string) string { return "/2015-03-31/functions/" + url.PathEscape(name) }

func isVersion(qualifier string) bool {
	return qualifier == latest || strings.Trim(qualifier, "0123456789") == ""
}
