// Package engines tests the values for Dagger's Helm chart that docs/engines.md tells
// to use. It has no code of its own.
package engines
