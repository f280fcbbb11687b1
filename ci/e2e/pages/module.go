package pages

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/iancoleman/strcase"
)

// Module is a Dagger module as its source declares it.
type Module struct {
	// Main is the name of its main object.
	Main string
	// Constructor is New's arguments.
	Constructor []Argument
	// Objects are the functions and fields of each object, by name.
	Objects map[string]map[string]Function
}

// Function is what a call of one takes and gives. Names are the command line's.
type Function struct {
	Arguments []Argument
	// Returns names an object of the module or of Dagger's; empty for anything else.
	Returns string
	// Check is true for what `dagger check` runs.
	Check bool
}

// Argument is one of a function's.
type Argument struct {
	Name string
	// Type is Go's, without a pointer.
	Type     string
	Required bool
}

// core are the functions of Dagger's own objects that end a call on the command
// line, with their arguments (https://docs.dagger.io/api).
func core() map[string]map[string]Function {
	export := Function{Arguments: []Argument{{Name: "path", Type: "string", Required: true}, {Name: "wipe", Type: "bool"}}}
	plain, platform := Function{}, Function{Arguments: []Argument{{Name: "path", Type: "string", Required: true}}}
	return map[string]map[string]Function{
		"dagger.File":      {"export": export, "contents": plain, "size": plain, "name": plain},
		"dagger.Directory": {"export": export, "entries": plain, "file": {Arguments: platform.Arguments, Returns: "dagger.File"}},
		"dagger.Container": {
			"export": export, "terminal": plain, "stdout": plain, "sync": plain,
			"as-tarball": {Returns: "dagger.File"}, "as-service": {Returns: "dagger.Service"},
		},
		"dagger.Service": {
			"up": {Arguments: []Argument{{Name: "ports", Type: "[]string"}, {Name: "random", Type: "bool"}}}, "endpoint": plain,
		},
	}
}

// ReadModule reads the Go source of a module's root package.
func ReadModule(dir fs.FS) (Module, error) {
	m := Module{Objects: core()}
	names, err := fs.Glob(dir, "*.go")
	if err != nil {
		return m, err
	}
	for _, name := range names {
		if name == "dagger.gen.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return m, fmt.Errorf("read the module: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ParseComments)
		if err != nil {
			return m, fmt.Errorf("read the module: %w", err)
		}
		for _, declaration := range file.Decls {
			m.add(file, declaration)
		}
	}
	if m.Main == "" {
		return m, errors.New("read the module: it has no function New")
	}
	return m, nil
}

func (m *Module) add(file *ast.File, declaration ast.Decl) {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		f := Function{Arguments: arguments(file, d), Check: marked(d.Doc, "+check")}
		if results := d.Type.Results; results != nil && len(results.List) > 0 {
			f.Returns = object(results.List[0].Type)
		}
		switch {
		case d.Recv == nil && d.Name.Name == "New":
			m.Constructor, m.Main = f.Arguments, f.Returns
		case d.Recv != nil && d.Name.IsExported():
			m.put(object(d.Recv.List[0].Type), d.Name.Name, f)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			one, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			fields, ok := one.Type.(*ast.StructType)
			if !ok || !one.Name.IsExported() {
				continue
			}
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					if name.IsExported() && !marked(field.Doc, "+private") {
						m.put(one.Name.Name, name.Name, Function{Returns: object(field.Type)})
					}
				}
			}
		}
	}
}

func (m *Module) put(object, name string, f Function) {
	if m.Objects[object] == nil {
		m.Objects[object] = map[string]Function{}
	}
	m.Objects[object][strcase.ToKebab(name)] = f
}

// marked reports whether a comment has a line that is this pragma.
func marked(doc *ast.CommentGroup, pragma string) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		line, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(c.Text, "//")), "=")
		return line == pragma
	})
}

// arguments are a function's without the context. The pragmas of one stand between
// it and the one before.
func arguments(file *ast.File, f *ast.FuncDecl) []Argument {
	var all []Argument
	from := f.Type.Params.Opening
	for _, field := range f.Type.Params.List {
		optional := false
		for _, group := range file.Comments {
			if group.Pos() > from && group.End() < field.Pos() {
				optional = optional || marked(group, "+optional") || marked(group, "+default") || marked(group, "+defaultPath")
			}
		}
		from = field.End()
		name := typeName(field.Type)
		if name == "context.Context" {
			continue
		}
		for _, one := range field.Names {
			all = append(all, Argument{Name: strcase.ToKebab(one.Name), Type: name, Required: !optional})
		}
	}
	return all
}

func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		return typeName(t.X) + "." + t.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeName(t.Elt)
	case *ast.Ident:
		return t.Name
	}
	return "?"
}

// object is the name of an object's type, and empty for strings, numbers and lists.
func object(e ast.Expr) string {
	name := typeName(e)
	if strings.HasPrefix(name, "dagger.") || ast.IsExported(name) {
		return name
	}
	return ""
}

// Checks are the names that `dagger check` knows: those of functions, and
// PARENT:CHILD for those of what a function without required arguments returns.
func (m Module) Checks() []string {
	var names []string
	for name, f := range m.Objects[m.Main] {
		if f.Check {
			names = append(names, name)
		}
		for child, g := range m.Objects[f.Returns] {
			if g.Check {
				names = append(names, name+":"+child)
			}
		}
	}
	slices.Sort(names)
	return names
}

// matching are the checks that a pattern of `dagger check` chooses.
func matching(pattern string, names []string) []string {
	var chosen []string
	for _, name := range names {
		if ok, err := path.Match(pattern, name); err == nil && ok || strings.HasPrefix(name, pattern+":") {
			chosen = append(chosen, name)
		}
	}
	return chosen
}

// messageFlag is an argument in a sentence.
var messageFlag = regexp.MustCompile(`(?:^|[ (,;:])(--[a-z][a-z0-9-]*)`)

// Messages checks the arguments that the texts of the module's root package name,
// such as its refusals. Scripts for a shell are no texts.
func Messages(dir fs.FS, m Module) ([]Finding, error) {
	var found []Finding
	names, err := fs.Glob(dir, "*.go")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read the module: %w", err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, content, 0)
		if err != nil {
			return nil, fmt.Errorf("read the module: %w", err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING || !strings.Contains(literal.Value, " ") || strings.Contains(literal.Value, " && ") {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			for _, flag := range messageFlag.FindAllStringSubmatch(text, -1) {
				for _, what := range m.anyFlag(flag[1]) {
					found = append(found, Finding{name, set.Position(literal.Pos()).Line, what})
				}
			}
			return err == nil
		})
	}
	return found, nil
}
