package iam

import (
	"fmt"
	"strings"
)

// A pattern is a text of a policy in which * stands for any number of
// characters, ? for one, and ${key} for a value of the request.
type pattern struct {
	text  string // as the policy has it
	parts []part
	fixed string // the compiled pattern where nothing of it depends on the request
	ready bool
}

// part is compiled text, or a variable.
type part struct {
	compiled string
	variable string
	fallback *string // ${key, 'fallback'}
}

// In compiled text these two bytes stand for wildcards; a policy's own text
// cannot hold them.
const (
	anyText = '\x00'
	anyOne  = '\x01'
)

// compile reads a pattern. Variables mean something only in policies of version
// 2012-10-17; wild says whether * and ? are wildcards.
func compile(text string, variables, wild bool) (pattern, error) {
	p := pattern{text: text}
	if strings.ContainsAny(text, "\x00\x01") {
		return p, fmt.Errorf("%q holds a control character", text)
	}
	var plain strings.Builder
	end := func() {
		if plain.Len() > 0 {
			p.parts = append(p.parts, part{compiled: plain.String()})
			plain.Reset()
		}
	}
	for rest := text; rest != ""; {
		if variables && strings.HasPrefix(rest, "${") {
			name, after, closed := strings.Cut(rest[2:], "}")
			if !closed {
				return p, fmt.Errorf("%q opens a variable with ${ and does not close it", text)
			}
			rest = after
			if name == "*" || name == "?" || name == "$" {
				plain.WriteString(name)
				continue
			}
			v, err := readVariable(name)
			if err != nil {
				return p, fmt.Errorf("%q: %w", text, err)
			}
			end()
			p.parts = append(p.parts, v)
			continue
		}
		switch c := rest[0]; {
		case wild && c == '*':
			plain.WriteByte(anyText)
		case wild && c == '?':
			plain.WriteByte(anyOne)
		default:
			plain.WriteByte(c)
		}
		rest = rest[1:]
	}
	end()
	switch {
	case len(p.parts) == 0:
		p.ready = true
	case len(p.parts) == 1 && p.parts[0].variable == "":
		p.fixed, p.ready = p.parts[0].compiled, true
	}
	return p, nil
}

// readVariable reads what stands between ${ and }.
func readVariable(text string) (part, error) {
	key, fallback, has := strings.Cut(text, ",")
	v := part{variable: strings.TrimSpace(key)}
	if !KnownKey(v.variable) {
		return v, unknownKey(v.variable)
	}
	if has {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return v, fmt.Errorf("the fallback of the variable %s is not in single quotes", v.variable)
		}
		fallback = fallback[1 : len(fallback)-1]
		v.fallback = &fallback
	}
	return v, nil
}

// expand puts the request's values in; ok is false if one has none. A variable
// of several values has none that could be meant.
func (p *pattern) expand(c Context) (compiled string, ok bool) {
	if p.ready {
		return p.fixed, true
	}
	var out strings.Builder
	for _, part := range p.parts {
		if part.variable == "" {
			out.WriteString(part.compiled)
			continue
		}
		values, present := c.Lookup(part.variable)
		switch {
		case present && len(values) == 1:
			out.WriteString(values[0])
		case !present && part.fallback != nil:
			out.WriteString(*part.fallback)
		default:
			return "", false
		}
	}
	return out.String(), true
}

// matches says whether text is of the pattern.
func (p *pattern) matches(text string, c Context) bool {
	compiled, ok := p.expand(c)
	return ok && glob(compiled, text)
}

// glob matches compiled text against text, in time that grows with the product
// of their lengths at worst.
func glob(compiled, text string) bool {
	at, from := 0, 0      // places in compiled and text
	star, resume := -1, 0 // behind the last wildcard, and where it was tried
	for from < len(text) {
		switch {
		case at < len(compiled) && compiled[at] == anyText:
			star, resume = at+1, from
			at++
		case at < len(compiled) && compiled[at] == anyOne:
			at++
			from += width(text[from:])
		case at < len(compiled) && compiled[at] == text[from]:
			at++
			from++
		case star >= 0:
			resume += width(text[resume:])
			at, from = star, resume
		default:
			return false
		}
	}
	for at < len(compiled) && compiled[at] == anyText {
		at++
	}
	return at == len(compiled)
}

// width is how many bytes the first character of text has.
func width(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}
