package calls

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// request is a request whose operation and parameters were read, whatever the
// protocol they came in.
type request struct {
	http      *http.Request
	service   string
	operation string
	region    string
	// values are the parameters by their path, such as containerDefinitions.name,
	// without the numbers of lists; those of a list are in its order.
	values map[string][]string
	tags   map[string]string
	// document is the JSON body; nil in other protocols.
	document map[string]any
}

// prefixes are the services whose name in policies is not the one that requests
// are signed for.
func prefixOf(signing string) string {
	switch signing {
	case "monitoring":
		return "cloudwatch"
	case "s3control":
		return "s3"
	}
	return signing
}

// open reads a request's service, operation and parameters.
func open(r *http.Request, body Body) (*request, error) {
	scope, _ := awsapi.ReadScope(r)
	q := &request{
		http: r, service: prefixOf(scope.Service), region: scope.Region,
		values: map[string][]string{}, tags: map[string]string{},
	}
	_, target, isJSON := awsapi.JSONOperation(r)
	var err error
	switch {
	case isJSON:
		q.operation = target
		err = q.readJSON(body)
	case q.service == "s3":
		err = q.openS3(body)
	case q.service == "lambda":
		err = q.openLambda(body)
	case q.service == "xray":
		q.operation = map[string]string{"/TraceSegments": "PutTraceSegments", "/TelemetryRecords": "PutTelemetryRecords"}[r.URL.Path]
	case strings.HasPrefix(r.URL.Path, "/service/"):
		// Smithy's RPC protocol: /service/NAME/operation/NAME, with a body in CBOR.
		_, q.operation, _ = strings.Cut(r.URL.Path, "/operation/")
	default:
		err = q.readForm(body)
	}
	return q, err
}

func (q *request) call() Call {
	return Call{Service: q.service, Operation: q.operation, Region: q.region, Changes: !reads(q.operation)}
}

// reads says whether an operation of that name changes nothing.
func reads(operation string) bool {
	for _, verb := range [...]string{"Get", "List", "Describe", "Head", "Simulate", "Batch", "Query", "Scan", "Lookup", "Filter"} {
		if strings.HasPrefix(operation, verb) && operation != "BatchWriteItem" && operation != "BatchDeleteImage" {
			return true
		}
	}
	return false
}

// first is the first value of the first parameter of these that has one.
func (q *request) first(names ...string) string {
	for _, name := range names {
		if values := q.values[name]; len(values) > 0 && values[0] != "" {
			return values[0]
		}
	}
	return ""
}

// all are the values of all these parameters.
func (q *request) all(names ...string) []string {
	var all []string
	for _, name := range names {
		for _, value := range q.values[name] {
			if value != "" && !slices.Contains(all, value) {
				all = append(all, value)
			}
		}
	}
	return all
}

func (q *request) set(name string, values ...string) {
	for _, value := range values {
		if value != "" {
			q.values[name] = append(q.values[name], value)
		}
	}
}

func (q *request) readJSON(body Body) error {
	raw, err := body()
	if err != nil || len(raw) == 0 {
		return err
	}
	if err := json.Unmarshal(raw, &q.document); err != nil {
		return awsapi.Errorf("SerializationException", "reading the body: %v", err)
	}
	q.flatten("", q.document)
	return nil
}

// flatten takes in a JSON value below a path.
func (q *request) flatten(path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if name, last := v, lastName(path); isTagList(last) {
			q.tagFrom(name)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			below := name
			if path != "" {
				below = path + "." + name
			}
			q.flatten(below, v[name])
		}
	case []any:
		for _, item := range v {
			q.flatten(path, item)
		}
	case nil:
	case string:
		q.values[path] = append(q.values[path], v)
	default:
		q.values[path] = append(q.values[path], fmt.Sprint(v))
	}
}

// tagFrom takes a tag {"key": …, "value": …}, or tags as an object.
func (q *request) tagFrom(object map[string]any) {
	text := func(names ...string) (string, bool) {
		for _, name := range names {
			if s, ok := object[name].(string); ok {
				return s, true
			}
		}
		return "", false
	}
	if key, ok := text("key", "Key", "TagKey"); ok {
		q.tags[key], _ = text("value", "Value", "TagValue")
		return
	}
	for name, value := range object {
		if s, ok := value.(string); ok {
			q.tags[name] = s
		}
	}
}

func lastName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func isTagList(name string) bool {
	switch name {
	case "tags", "Tags", "tag", "Tag", "ResourceTags", "resourceTags":
		return true
	}
	return false
}

// readForm reads the query protocol: Action and numbered parameters.
func (q *request) readForm(body Body) error {
	form := q.http.URL.Query()
	if q.http.Method == http.MethodPost {
		raw, err := body()
		if err != nil {
			return err
		}
		posted, err := url.ParseQuery(string(raw))
		if err != nil {
			return awsapi.Errorf("MalformedQueryString", "reading the body: %v", err)
		}
		maps.Copy(form, posted)
	}
	q.operation = form.Get("Action")
	for _, name := range slices.SortedFunc(maps.Keys(form), byNumbers) {
		path := withoutNumbers(name)
		q.values[path] = append(q.values[path], form[name]...)
		if object, field := splitLast(name); field == "Key" && isTagList(lastName(withoutNumbers(object))) {
			q.tags[form.Get(name)] = form.Get(object + ".Value")
		}
	}
	return nil
}

func splitLast(name string) (before, last string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// withoutNumbers makes Tag.member.12.Key to Tag.Key.
func withoutNumbers(name string) string {
	parts := strings.Split(name, ".")
	kept := parts[:0]
	for i, part := range parts {
		listed := part == "member" || part == "entry" || part == "Tag" && i > 0 && parts[i-1] == "Tags"
		if i > 0 && (listed || strings.Trim(part, "0123456789") == "") {
			continue
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, ".")
}

// byNumbers orders X.2 before X.10.
func byNumbers(a, b string) int {
	if len(a) != len(b) && withoutNumbers(a) == withoutNumbers(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
