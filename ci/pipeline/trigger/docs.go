package trigger

import (
	"path"
	"slices"
	"strings"
)

// docsOnly reports whether every changed path is documentation: Markdown,
// anything in docs, a licence, a picture. A picture in services or infra
// is not, as it may be built into a program. No path at all means that the
// changes are unknown, which is never documentation alone.
func docsOnly(paths []string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(p string) bool { return !isDocs(p) })
}

func isDocs(p string) bool {
	if p == "" || p != path.Clean(p) || strings.HasPrefix(p, "../") {
		return false
	}
	if strings.HasPrefix(p, "docs/") {
		return true
	}
	switch strings.ToLower(path.Ext(p)) {
	case ".md":
		return true
	case ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp":
		return !strings.HasPrefix(p, "services/") && !strings.HasPrefix(p, "infra/")
	}
	base := path.Base(p)
	return base == "LICENSE" || base == "LICENSE.txt" || base == "NOTICE"
}
