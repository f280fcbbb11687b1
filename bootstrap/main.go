// Command bootstrap makes a machine able to run Dagger: it uses Docker where
// that is there, and otherwise builds and starts an engine of its own.
package main

import (
	"os"

	"sensor-backend/bootstrap/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
