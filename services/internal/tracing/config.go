package tracing

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Config says where traces go. Its zero value is nowhere.
type Config struct {
	// Endpoint is the collector's base address; traces go to v1/traces below it.
	Endpoint *url.URL
	// Headers go with each request; they may hold a key.
	Headers http.Header
}

// The variables, as OpenTelemetry names them ("OpenTelemetry Protocol
// Exporter" of its specification).
const (
	endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"
	headersVariable  = "OTEL_EXPORTER_OTLP_HEADERS"
	protocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL"
)

// protocol is the one that is spoken here.
const protocol = "http/json"

// ReadConfig reads the environment, and returns every mistake in it at once.
func ReadConfig(getenv func(string) string) (Config, error) {
	var cfg Config
	var errs []error
	if value := getenv(endpointVariable); value != "" {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			// The value may hold a password, so it is not told.
			errs = append(errs, fmt.Errorf("%s is not an address such as http://localhost:4318", endpointVariable))
		} else {
			cfg.Endpoint = u
		}
	}
	if value := getenv(protocolVariable); value != "" && value != protocol {
		errs = append(errs, fmt.Errorf("%s is %q, expected %s: it is what collectors take on port 4318 beside http/protobuf",
			protocolVariable, value, protocol))
	}
	var err error
	if cfg.Headers, err = parseHeaders(getenv(headersVariable)); err != nil {
		errs = append(errs, err)
	}
	return cfg, errors.Join(errs...)
}

// parseHeaders reads name=value pairs, separated by commas, the values in
// percent-encoding.
func parseHeaders(text string) (http.Header, error) {
	headers := http.Header{}
	for i, pair := range strings.Split(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			return nil, fmt.Errorf("%s: pair %d is not name=value with a percent-encoded value", headersVariable, i+1)
		}
		headers.Set(name, value)
	}
	return headers, nil
}

// Lines is the configuration as environment variables without its secrets, in
// pairs of name and value.
func (c Config) Lines() [][2]string {
	endpoint, headers := "", ""
	if c.Endpoint != nil {
		endpoint = c.Endpoint.Redacted()
	}
	if len(c.Headers) > 0 {
		headers = fmt.Sprintf("(%d headers)", len(c.Headers))
	}
	return [][2]string{{endpointVariable, endpoint}, {headersVariable, headers}}
}
