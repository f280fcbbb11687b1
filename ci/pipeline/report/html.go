package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"dagger/sensor-backend/pipeline/record"
)

//go:embed page.html
var pageText string

// HTML is the record as a page of its own: no script and nothing from elsewhere,
// which its content security policy also forbids. The picture of the stages
// fits any width, and the tables below it say the same in words.
func HTML(r record.Record) ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"sign": func(s any) string { return sign(fmt.Sprint(s)) }, "visible": func(s string) string { return strings.TrimSpace(visible(s)) },
		"begins": begins, "took": took, "result": result, "size": size, "verdict": verdict, "remark": remark, "stamp": stamp,
		"plain": func(s string) string { return plain(s, 300) }, "first": first, "link": link, "changed": changed,
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("read the report's page: %w", err)
	}
	resources, more := planned(r)
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{
		"Record": r, "Headline": Headline(r), "Facts": facts(r), "Timeline": draw(r),
		"Failures": failures(r), "Versions": versions(r), "Logged": slices.ContainsFunc(r.Stages, func(s record.Stage) bool { return len(s.Log) > 0 }), "Resources": resources, "MoreResources": more,
	})
	if err != nil {
		return nil, fmt.Errorf("write the report's page: %w", err)
	}
	return b.Bytes(), nil
}
