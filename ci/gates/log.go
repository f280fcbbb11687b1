package gates

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Log gathers what several tools said in one SARIF 2.1.0 log for GitHub's code
// scanning. What they said is kept, and made fit for that: each run gets a category
// of its own, as GitHub takes no two runs of one; paths start at the repository's
// root; each result has a level, a place, and a fingerprint that stays the same when
// lines move. The zero value is an empty log.
type Log struct {
	runs []object
}

// Source is what a run of the log comes from.
type Source struct {
	// Name is the run's category, such as lint/services; no two sources share one.
	Name string
	// Dir is the directory, from the repository's root, that the tool's relative
	// paths start at; empty for the root.
	Dir string
	// Place is the file that a finding without a place in the repository is shown at.
	Place string
	// Elsewhere is true if the tool's paths are not those of the repository, as the
	// files in an image: the place is then Place for all.
	Elsewhere bool
	// Advisory is true if its findings stop nothing: they are warnings.
	Advisory bool
}

// object is a JSON object of which nothing may be lost.
type object = map[string]any

// Merge adds the runs of a tool's log.
func (l *Log) Merge(from Source, text string) error {
	var log struct {
		Runs []object `json:"runs"`
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		return fmt.Errorf("the tool's SARIF log is not JSON: %w", err)
	}
	for i, run := range log.Runs {
		if run == nil {
			return errors.New("the tool's SARIF log has a run that is no object")
		}
		name := from.Name
		if i > 0 {
			name = fmt.Sprintf("%s/%d", name, i+1)
		}
		l.add(from, name, run)
	}
	return nil
}

// Add adds a run of our own.
func (l *Log) Add(from Source, findings []Finding) {
	var rules []any
	results := make([]any, 0, len(findings))
	seen := map[string]bool{}
	for _, f := range findings {
		if !seen[f.Rule] {
			seen[f.Rule] = true
			rules = append(rules, object{"id": f.Rule, "shortDescription": object{"text": "Gate " + from.Name + ": " + f.Rule}})
		}
		message := f.Message
		if from.Elsewhere && f.File != "" {
			message = f.File + ": " + message
		}
		r := object{"ruleId": f.Rule, "message": object{"text": message}}
		if f.File != "" {
			r["locations"] = []any{location(f.File, f.Line)}
		}
		results = append(results, r)
	}
	driver := object{"name": "gate " + from.Name}
	if rules != nil {
		driver["rules"] = rules
	}
	l.add(from, from.Name, object{"tool": object{"driver": driver}, "results": results})
}

// add makes a run fit and takes it.
func (l *Log) add(from Source, name string, run object) {
	// What is before the last slash is the category.
	run["automationDetails"] = object{"id": "gates/" + name + "/"}
	_, listed := run["artifacts"]
	places(run, from.Dir, !listed)
	results, _ := run["results"].([]any)
	if results == nil {
		results = []any{}
	}
	run["results"] = results
	levels := ruleLevels(run)
	met := map[string]int{}
	for _, each := range results {
		if r, ok := each.(object); ok {
			from.place(r)
			from.level(r, levels)
			fingerprint(r, met)
		}
	}
	l.runs = append(l.runs, run)
}

// places makes each address of a file below value a path from the repository's root.
// An index into a list of files that the run does not have is left out.
func places(value any, dir string, dropIndex bool) {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			places(each, dir, dropIndex)
		}
	case object:
		for key, each := range v {
			if at, ok := each.(object); ok && key == "artifactLocation" {
				relocate(at, dir, dropIndex)
			}
			places(each, dir, dropIndex)
		}
	}
}

func relocate(at object, dir string, dropIndex bool) {
	if dropIndex {
		delete(at, "index")
	}
	uri, _ := at["uri"].(string)
	base, _ := at["uriBaseId"].(string)
	if uri == "" || base != "" && base != sourceBase {
		return
	}
	found := fromRoot(uri, base, dir)
	if strings.HasPrefix(found, "/") || strings.Contains(found, "://") {
		return // not of the repository
	}
	delete(at, "uriBaseId")
	at["uri"] = (&url.URL{Path: found}).String()
}

// place gives a result a place if it has none in the repository.
func (from Source) place(r object) {
	locations, _ := r["locations"].([]any)
	if from.Place != "" && (from.Elsewhere || len(locations) == 0) {
		r["locations"] = []any{location(from.Place, 1)}
	}
}

func location(file string, line int) object {
	return object{"physicalLocation": object{
		"artifactLocation": object{"uri": (&url.URL{Path: file}).String()}, "region": object{"startLine": max(line, 1)},
	}}
}

// ruleLevels are the levels that a run's rules have by default.
func ruleLevels(run object) map[string]string {
	levels := map[string]string{}
	tool, _ := run["tool"].(object)
	driver, _ := tool["driver"].(object)
	rules, _ := driver["rules"].([]any)
	for _, each := range rules {
		rule, _ := each.(object)
		id, _ := rule["id"].(string)
		configuration, _ := rule["defaultConfiguration"].(object)
		if level, ok := configuration["level"].(string); ok {
			levels[id] = level
		}
	}
	return levels
}

// level gives a result that has none the level of its rule, or error: a finding of a
// gate stops the pipeline. That of an advisory gate is a warning at most.
func (from Source) level(r object, levels map[string]string) {
	level, _ := r["level"].(string)
	rule, _ := r["ruleId"].(string)
	if level == "" {
		level = levels[rule]
	}
	if level == "" {
		level = "error"
	}
	if from.Advisory && level == "error" {
		level = "warning"
	}
	r["level"] = level
}

// fingerprint is what GitHub knows a result by in the next log: rule, file and
// message, and which of several that are the same in these. The line is not in it.
func fingerprint(r object, met map[string]int) {
	const name = "primaryLocationLineHash" // the only one that GitHub reads
	prints, _ := r["partialFingerprints"].(object)
	if prints == nil {
		prints = object{}
	}
	if _, ok := prints[name]; ok {
		return
	}
	rule, _ := r["ruleId"].(string)
	message, _ := r["message"].(object)
	text, _ := message["text"].(string)
	sum := sha256.Sum256([]byte(rule + "\x00" + fileOf(r) + "\x00" + text))
	key := hex.EncodeToString(sum[:8])
	met[key]++
	prints[name] = fmt.Sprintf("%s:%d", key, met[key])
	r["partialFingerprints"] = prints
}

// fileOf is the address of the file that a result is in.
func fileOf(r object) string {
	locations, _ := r["locations"].([]any)
	if len(locations) == 0 {
		return ""
	}
	first, _ := locations[0].(object)
	physical, _ := first["physicalLocation"].(object)
	artifact, _ := physical["artifactLocation"].(object)
	uri, _ := artifact["uri"].(string)
	return uri
}

// JSON is the log's text.
func (l *Log) JSON() (string, error) {
	runs := l.runs
	if runs == nil {
		runs = []object{}
	}
	raw, err := json.MarshalIndent(object{"$schema": sarifSchema, "version": sarifVersion, "runs": runs}, "", "  ")
	return string(raw), err
}
