package pages

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Page is a Markdown file.
type Page struct {
	// Path is relative to the repository's root, with slashes.
	Path string
	// Links are the targets of links and pictures, Spans the texts between single
	// backquotes, Blocks the fenced blocks of code.
	Links, Spans []Text
	Blocks       []Block
	// Anchors are the names that GitHub gives the headings.
	Anchors []string
	// Tables are the rows of cells of all tables, heads included.
	Tables []Row
}

// Text is a piece of a page.
type Text struct {
	Line  int
	Value string
}

// Block is a fenced block of code.
type Block struct {
	// Line is that of its first line of code.
	Line int
	// Language is what stands behind the fence; it may be empty.
	Language, Code string
	// Section is the anchor of the heading above; empty before the first.
	Section string
}

// Row is a row of a table.
type Row struct {
	Line    int
	Section string
	Cells   []string
}

// Read parses a page of the repository.
func Read(repository fs.FS, path string) (Page, error) {
	source, err := fs.ReadFile(repository, path)
	if err != nil {
		return Page{}, fmt.Errorf("read the page: %w", err)
	}
	return Parse(path, source), nil
}

// Parse is Read for a page's text. There is no text that it refuses.
func Parse(path string, source []byte) Page {
	p := Page{Path: path}
	reader := reader{page: &p, source: source, seen: map[string]int{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	// The walker returns no error.
	_ = ast.Walk(document, reader.visit)
	return p
}

// reader collects a page's parts.
type reader struct {
	page   *Page
	source []byte
	// line is that of the block around what is visited.
	line int
	// seen counts headings of the same name.
	seen    map[string]int
	section string
}

func (r *reader) visit(node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	if node.Type() == ast.TypeBlock && node.Lines() != nil && node.Lines().Len() > 0 {
		r.line = r.lineAt(node.Lines().At(0).Start)
	}
	switch n := node.(type) {
	case *ast.Heading:
		r.heading(n)
	case *ast.Link:
		r.page.Links = append(r.page.Links, Text{r.lineOf(n), string(n.Destination)})
	case *ast.Image:
		r.page.Links = append(r.page.Links, Text{r.lineOf(n), string(n.Destination)})
	case *ast.CodeSpan:
		r.page.Spans = append(r.page.Spans, Text{r.lineOf(n), strings.Join(strings.Fields(textOf(n, r.source)), " ")})
	case *ast.FencedCodeBlock:
		r.page.Blocks = append(r.page.Blocks, Block{
			Line: r.line, Language: string(n.Language(r.source)), Section: r.section, Code: string(n.Lines().Value(r.source)),
		})
	default:
		if kind := node.Kind().String(); kind == "TableRow" || kind == "TableHeader" {
			r.row(node)
		}
	}
	return ast.WalkContinue, nil
}

// heading notes the anchor as GitHub makes it: lower case, without punctuation,
// dashes for spaces, and a number behind a name that was there before.
func (r *reader) heading(n *ast.Heading) {
	anchor := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c), unicode.IsNumber(c), c == '-', c == '_':
			return unicode.ToLower(c)
		case c == ' ':
			return '-'
		}
		return -1
	}, textOf(n, r.source))
	times := r.seen[anchor]
	r.seen[anchor]++
	if times > 0 {
		anchor = fmt.Sprintf("%s-%d", anchor, times)
	}
	r.page.Anchors = append(r.page.Anchors, anchor)
	r.section = anchor
}

func (r *reader) row(node ast.Node) {
	row := Row{Line: r.lineOf(node), Section: r.section}
	for cell := node.FirstChild(); cell != nil; cell = cell.NextSibling() {
		row.Cells = append(row.Cells, textOf(cell, r.source))
	}
	r.page.Tables = append(r.page.Tables, row)
}

// lineOf is the line of the first text in a node, or else of the block around.
func (r *reader) lineOf(node ast.Node) int {
	at := -1
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering && at < 0 {
			at = t.Segment.Start
		}
		return ast.WalkContinue, nil
	})
	if at < 0 {
		return r.line
	}
	return r.lineAt(at)
}

func (r *reader) lineAt(offset int) int {
	return 1 + bytes.Count(r.source[:min(offset, len(r.source))], []byte("\n"))
}

// textOf is the text of a node and what is in it, without markup.
func textOf(node ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch t := n.(type) {
		case *ast.Text:
			b.Write(t.Segment.Value(source))
			if t.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(t.Value)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
