package s3events

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// target is a function that a bucket tells of its events.
type target struct {
	ID       string   `xml:"Id"`
	Function string   `xml:"CloudFunction"`
	Events   []string `xml:"Event"`
	Rules    []rule   `xml:"Filter>S3Key>FilterRule"`
}

type rule struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

// parseTargets reads a notification configuration.
func parseTargets(text []byte) ([]target, error) {
	var parsed struct {
		Targets []target `xml:"CloudFunctionConfiguration"`
	}
	if err := xml.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("read the notification configuration: %w", err)
	}
	return parsed.Targets, nil
}

// wants says whether the target asked for an event of this name and key.
func (t target) wants(event, key string) bool {
	for _, r := range t.Rules {
		switch strings.ToLower(r.Name) {
		case "prefix":
			if !strings.HasPrefix(key, r.Value) {
				return false
			}
		case "suffix":
			if !strings.HasSuffix(key, r.Value) {
				return false
			}
		}
	}
	for _, pattern := range t.Events {
		pattern = strings.TrimPrefix(pattern, "s3:")
		family, all := strings.CutSuffix(pattern, ":*")
		if pattern == event || all && strings.HasPrefix(event, family+":") {
			return true
		}
	}
	return false
}
