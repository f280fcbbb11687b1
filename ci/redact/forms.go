package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// formsOf lists how programs write a secret: as it is, and escaped or encoded.
// Of an address that is a secret, so are what follows the host and the password;
// of a text of several lines, such as a key's, so is each line.
func formsOf(secret string) []string {
	secret = strings.TrimSpace(secret)
	var forms []string
	for _, part := range append(parts(secret), secret) {
		if len(part) < Shortest {
			continue
		}
		for _, form := range append(base64Forms(part), escaped(part)...) {
			if len(form) >= Shortest {
				forms = append(forms, form)
			}
		}
	}
	return forms
}

func parts(secret string) []string {
	var found []string
	if u, err := url.Parse(secret); err == nil && u.Host != "" {
		found = append(found, strings.TrimPrefix(u.RequestURI(), "/"))
		if password, given := u.User.Password(); given {
			found = append(found, password)
		}
	}
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			// The first and last lines of a PEM block are not secret.
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				found = append(found, line)
			}
		}
	}
	return found
}

// escaped lists the forms in which a text stands in addresses, JSON, JSON in
// JSON, Go's %q and HTML.
func escaped(text string) []string {
	safe, plain := jsonForm(text, true), jsonForm(text, false)
	return []string{
		text, url.QueryEscape(text), url.PathEscape(text), html.EscapeString(text), quoted(strconv.Quote(text)), quoted(strconv.QuoteToASCII(text)),
		safe, jsonForm(safe, true), plain, jsonForm(plain, false),
	}
}

// jsonForm is the text in a JSON string; safe writes <, > and & as escapes, as
// Go's encoder does unless told otherwise.
func jsonForm(text string, safe bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(safe)
	// A string can always be encoded.
	_ = encoder.Encode(text)
	return quoted(strings.TrimSuffix(b.String(), "\n"))
}

// quoted is what stands between quotes.
func quoted(text string) string { return text[1 : len(text)-1] }

// base64Forms lists what base64 (RFC 4648, both alphabets) of any text that
// holds this one has in common: a group of four digits begins at every third
// byte, so there are three cases, and the digits at either end depend on the
// neighbours.
func base64Forms(text string) []string {
	forms := make([]string, 0, 6)
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			digits := encoding.EncodeToString(append(make([]byte, before), text...))
			from := (before*8 + 5) / 6
			to := (before + len(text)) * 8 / 6
			forms = append(forms, digits[from:to])
		}
	}
	return forms
}
