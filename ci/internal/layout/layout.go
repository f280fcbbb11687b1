// Package layout holds the tests that keep the module's layout: which package
// may import which. It has no code of its own.
package layout
