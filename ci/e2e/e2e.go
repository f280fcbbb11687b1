// Package e2e holds the tests that use the pipeline as its users do, by the
// dagger command. They need a running engine and the build tag e2e.
package e2e
