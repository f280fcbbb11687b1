// Package pages reads the repository's Markdown pages and holds them against what
// the repository has: files, headings, Dagger functions with their arguments, make
// targets, Go packages and tests. It runs nothing.
package pages
