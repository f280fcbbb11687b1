package pages

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Links checks where a page leads: files and directories have to be there, headings
// of pages and lines of other files too. Addresses elsewhere are only parsed.
func (r *Repository) Links(p Page) []Finding {
	var found []Finding
	for _, link := range p.Links {
		if what := r.link(p, link.Value); what != "" {
			found = append(found, Finding{p.Path, link.Line, what})
		}
	}
	return found
}

var lineAnchor = regexp.MustCompile(`^L(\d+)(?:-L(\d+))?$`)

func (r *Repository) link(p Page, target string) string {
	address, err := url.Parse(target)
	switch {
	case err != nil:
		return "the link " + target + " is not an address"
	case address.Scheme == "https" && address.Host != "", address.Scheme == "mailto":
		return ""
	case address.Scheme != "" || address.Host != "":
		return "the link " + target + " is neither https nor a file of the repository"
	}
	file := path.Join(path.Dir(p.Path), address.Path)
	if address.Path == "" {
		file = p.Path
	}
	if !r.Has(file) {
		return "the link " + target + " leads nowhere: " + r.noFile(file)
	}
	switch anchor := address.Fragment; {
	case anchor == "":
	case path.Ext(file) == ".md":
		other, err := Read(r.files, file)
		if err != nil {
			return err.Error()
		}
		if !slices.Contains(other.Anchors, anchor) {
			return "the link " + target + " leads nowhere: " + unknown("heading", anchor, other.Anchors)
		}
	case lineAnchor.MatchString(anchor):
		content, err := fs.ReadFile(r.files, file)
		if err != nil {
			return err.Error()
		}
		lines := strings.Count(string(content), "\n")
		for _, number := range lineAnchor.FindStringSubmatch(anchor)[1:] {
			if n, err := strconv.Atoi(number); err == nil && (n < 1 || n > lines) {
				return "the link " + target + " leads behind the last line, " + strconv.Itoa(lines)
			}
		}
	default:
		return "the link " + target + " names a heading of what is no page"
	}
	return ""
}

// noFile says that there is no such file, and which is the nearest.
func (r *Repository) noFile(file string) string {
	// Most wrong paths are files that moved: the same name elsewhere is the best guess.
	for _, one := range r.all {
		if path.Base(one) == path.Base(file) {
			return "there is no file \"" + file + "\"; the nearest is \"" + one + "\""
		}
	}
	return unknown("file", file, r.all)
}
