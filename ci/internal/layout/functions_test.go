package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// longest is how many characters of a function's description fit one line of
// `dagger functions`.
const longest = 100

// longestName is how many characters of a function's name leave room for that line.
const longestName = 20

// TestFunctionsAreDescribed holds each Dagger function to a first line that fits
// the screen, and each of its arguments to a comment: both are its --help.
func TestFunctionsAreDescribed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for _, name := range files {
		if filepath.Base(name) == "dagger.gen.go" {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		commented := map[int]bool{} // lines below a comment
		for _, comment := range file.Comments {
			commented[set.Position(comment.End()).Line+1] = true
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Recv == nil && f.Name.Name != "New" || isMethodOfError(f) {
				continue
			}
			functions++
			if n := len(f.Name.Name); n > longestName {
				t.Errorf("%s: the name %s has %d characters, want at most %d", filepath.Base(name), f.Name.Name, n, longestName)
			}
			first, _, _ := strings.Cut(f.Doc.Text(), "\n")
			if n := len([]rune(first)); f.Recv != nil && (n == 0 || n > longest || !strings.HasSuffix(first, ".")) {
				t.Errorf("%s: %s is described in %d characters, want a sentence of at most %d: %s", filepath.Base(name), f.Name.Name, n, longest, first)
			}
			for _, argument := range f.Type.Params.List {
				if selector, ok := argument.Type.(*ast.SelectorExpr); ok && selector.Sel.Name == "Context" {
					continue
				}
				for _, each := range argument.Names {
					if problem := secretProblem(each.Name, argument.Type); problem != "" {
						t.Errorf("%s: argument %s of %s %s", filepath.Base(name), each.Name, f.Name.Name, problem)
					}
				}
				if !commented[set.Position(argument.Pos()).Line] {
					t.Errorf("%s: argument %s of %s has no comment", filepath.Base(name), argument.Names[0].Name, f.Name.Name)
				}
			}
		}
	}
	if functions < 30 {
		t.Errorf("%d functions found, want at least 30", functions)
	}
}

// secretWords end the names of arguments that hold a secret.
var secretWords = regexp.MustCompile(`(?i)(token|password|webhook|secret|secretaccesskey|signingkey|writekey|accesskeyid|requesturl)$`)

// secretProblem says what is wrong with an argument that is named like a secret and is
// not one, which would show in logs and caches.
func secretProblem(name string, kind ast.Expr) string {
	if !secretWords.MatchString(name) {
		return ""
	}
	if pointer, ok := kind.(*ast.StarExpr); ok {
		if selector, ok := pointer.X.(*ast.SelectorExpr); ok && selector.Sel.Name == "Secret" {
			return ""
		}
	}
	return "is no *dagger.Secret, and is named like one"
}

func TestSecretProblem(t *testing.T) {
	t.Parallel()
	secret, err := parser.ParseExpr("*dagger.Secret")
	if err != nil {
		t.Fatal(err)
	}
	text := ast.NewIdent("string")
	for _, tt := range []struct {
		name string
		kind ast.Expr
		bad  bool
	}{
		{"githubToken", secret, false}, {"githubToken", text, true}, {"signingKeyPassword", text, true}, {"webhook", text, true},
		{"writeKey", text, true}, {"region", text, false}, {"url", text, false},
	} {
		if got := secretProblem(tt.name, tt.kind); (got != "") != tt.bad {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// isMethodOfError reports whether a method belongs to an error type, which Dagger
// does not serve.
func isMethodOfError(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return false
	}
	pointer, ok := f.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	name, ok := pointer.X.(*ast.Ident)
	return ok && !name.IsExported()
}
