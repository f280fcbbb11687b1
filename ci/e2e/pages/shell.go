package pages

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Command is a simple command of a shell.
type Command struct {
	// Line counts from 1 in what was parsed.
	Line int
	// Words are the program and its arguments. What a variable holds that the
	// pages do not tell is a word of its own, Value; without quotes it is no word.
	Words []string
	// Dirs are the directories that `cd` led to before, in order.
	Dirs []string
	// Partial is true if an ellipsis stands for more words.
	Partial bool
}

// Value stands for a word, or the part of one, that only the reader knows.
const Value = "VALUE"

// Shell parses commands. Variables are those that were set before; those that the
// commands set are added.
func Shell(code string, variables map[string]string) ([]Command, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(code), "")
	if err != nil {
		return nil, fmt.Errorf("this is not bash: %w", err)
	}
	var (
		all  []Command
		dirs []string
	)
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok {
			return true
		}
		for _, set := range call.Assigns {
			if set.Name != nil && set.Value != nil {
				variables[set.Name.Value] = strings.Join(fields(set.Value, variables), " ")
			}
		}
		command := Command{Line: int(call.Pos().Line()), Dirs: append([]string{}, dirs...)} // #nosec G115 -- a page has fewer lines
		for _, word := range call.Args {
			for _, field := range fields(word, variables) {
				if field == "…" || field == "..." {
					command.Partial = true
					continue
				}
				command.Words = append(command.Words, field)
			}
		}
		switch {
		case len(command.Words) == 0:
		case command.Words[0] == "cd" && len(command.Words) > 1:
			dirs = append(dirs, command.Words[1])
		default:
			all = append(all, command)
		}
		return true
	})
	return all, nil
}

// fields are the words that one word of the shell becomes.
func fields(word *syntax.Word, variables map[string]string) []string {
	if len(word.Parts) == 1 {
		if name, ok := variable(word.Parts[0]); ok {
			return strings.Fields(variables[name])
		}
	}
	var b strings.Builder
	for _, part := range word.Parts {
		write(&b, part, variables)
	}
	return []string{b.String()}
}

// variable is the name of an expansion.
func variable(part syntax.WordPart) (string, bool) {
	p, ok := part.(*syntax.ParamExp)
	if !ok || p.Param == nil {
		return "", false
	}
	return p.Param.Value, true
}

func write(b *strings.Builder, part syntax.WordPart, variables map[string]string) {
	switch p := part.(type) {
	case *syntax.Lit:
		b.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
	case *syntax.SglQuoted:
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			write(b, inner, variables)
		}
	default:
		name, _ := variable(part)
		if value, ok := variables[name]; ok {
			b.WriteString(value)
		} else {
			b.WriteString(Value)
		}
	}
}
