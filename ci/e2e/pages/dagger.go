package pages

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// global are the client's own flags; the value tells whether one takes a value
// (https://docs.dagger.io/reference/cli).
func global() map[string]bool {
	return map[string]bool{
		"-m": true, "--mod": true, "-W": true, "--workspace": true, "--progress": true, "-o": true, "--output": true,
		"-q": false, "--quiet": false, "-s": false, "--silent": false, "-v": false, "--verbose": false, "-d": false, "--debug": false,
		"-i": false, "--interactive": false, "-j": false, "--json": false, "-y": false, "--auto-apply": false, "-h": false, "--help": false, "-l": false,
	}
}

// verbs are the client's commands that pages may tell.
func verbs() []string {
	return []string{"call", "check", "functions", "version", "develop", "init", "core", "query", "login", "logout", "install", "update", "setup", "help", "run"}
}

// dagger checks a call of the client.
func (m Module) dagger(c Command) []string {
	words := skipGlobal(c.Words[1:])
	if len(words) == 0 {
		return nil
	}
	verb, words := words[0], words[1:]
	switch {
	case !slices.Contains(verbs(), verb):
		return []string{unknown("command of dagger", verb, verbs())}
	case verb == "call":
		return m.call(words, c.Partial)
	case verb == "check":
		return m.check(words)
	}
	return nil
}

func skipGlobal(words []string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		name, _, given := strings.Cut(words[0], "=")
		words = words[1:]
		if global()[name] && !given && len(words) > 0 {
			words = words[1:]
		}
	}
	return words
}

func (m Module) check(words []string) []string {
	var wrong []string
	names := m.Checks()
	for _, word := range words {
		if !strings.HasPrefix(word, "-") && len(matching(word, names)) == 0 {
			wrong = append(wrong, unknown("check", word, names))
		}
	}
	return wrong
}

// call checks the functions and arguments of a call, from the constructor on.
func (m Module) call(words []string, partial bool) []string {
	at, name, given := m.Main, "", map[string]bool{}
	f := Function{Arguments: m.Constructor, Returns: m.Main}
	var wrong []string
	for i := 0; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word, "-") {
			wrong = append(wrong, missing(name, f, given, partial)...)
			next, ok := m.Objects[at][word]
			if !ok {
				return append(wrong, m.noFunction(at, name, word))
			}
			f, name, at, given = next, word, next.Returns, map[string]bool{}
			continue
		}
		flag, value, set := strings.Cut(word, "=")
		if takes, ok := global()[flag]; ok {
			if flag == "-h" || flag == "--help" {
				return wrong
			}
			if takes && !set {
				i++
			}
			continue
		}
		n := slices.IndexFunc(f.Arguments, func(a Argument) bool { return "--"+a.Name == flag })
		if n < 0 {
			wrong = append(wrong, unknown("argument", flag, flags(f))+of(name))
			// Whether it takes a value is not known.
			if !set && i+1 < len(words) && m.Objects[at][words[i+1]].Arguments == nil {
				i++
			}
			continue
		}
		argument := f.Arguments[n]
		given[argument.Name] = true
		if argument.Type != "bool" && !set {
			if i++; i >= len(words) {
				if !partial {
					wrong = append(wrong, flag+of(name)+" has no value")
				}
				break
			}
			value = words[i]
		}
		wrong = append(wrong, fits(argument, value, set)...)
	}
	if name == "" && !partial && len(words) > 0 {
		return append(wrong, "the call names no function")
	}
	return append(wrong, missing(name, f, given, partial)...)
}

func (m Module) noFunction(at, name, word string) string {
	if at == "" {
		return fmt.Sprintf("%s returns a value, so that %q cannot follow", name, word)
	}
	return unknown("function", word, slices.Collect(maps.Keys(m.Objects[at])))
}

// missing says which required arguments a call lacks.
func missing(name string, f Function, given map[string]bool, partial bool) []string {
	if partial || given["help"] {
		return nil
	}
	var wrong []string
	for _, a := range f.Arguments {
		// The command line takes the path of an export as a flag as well.
		if a.Required && !given[a.Name] {
			wrong = append(wrong, "--"+a.Name+of(name)+" is missing")
		}
	}
	return wrong
}

// fits says if a value is not of the argument's type.
func fits(a Argument, value string, set bool) []string {
	var err error
	switch {
	case strings.Contains(value, Value) || strings.Contains(value, "…") || value == strings.ToUpper(value) && value != strings.ToLower(value):
	case a.Type == "int":
		_, err = strconv.Atoi(value)
	case a.Type == "float64":
		_, err = strconv.ParseFloat(value, 64)
	case a.Type == "bool" && set:
		_, err = strconv.ParseBool(value)
	}
	if err != nil {
		return []string{fmt.Sprintf("--%s takes %s, not %q", a.Name, a.Type, value)}
	}
	return nil
}

func flags(f Function) []string {
	names := make([]string, 0, len(f.Arguments))
	for _, a := range f.Arguments {
		names = append(names, "--"+a.Name)
	}
	return names
}

func of(name string) string {
	if name == "" {
		return " of dagger call"
	}
	return " of " + name
}

// has reports whether the module has a function of this name.
func (m Module) has(name string) bool {
	_, ok := m.Objects[m.Main][name]
	return ok
}

// anyFlag checks that some function, or the client, takes an argument.
func (m Module) anyFlag(flag string) []string {
	flag, _, _ = strings.Cut(flag, "=")
	all := slices.Collect(maps.Keys(global()))
	all = append(all, flags(Function{Arguments: m.Constructor})...)
	for _, f := range m.Objects[m.Main] {
		all = append(all, flags(f)...)
	}
	if slices.Contains(all, flag) {
		return nil
	}
	return []string{unknown("argument", flag, all)}
}
