// Command plancheck stands between terraform plan and terraform apply. It runs
// beside Terraform, so that a plan, which holds secrets, goes nowhere else.
//
//	terraform show -json PLAN | plancheck check     judge a plan; what may not be applied is an error
//	terraform show -json PLAN | plancheck drift     list what differs; exit code 2 if anything does
//	plancheck save FILE, plancheck fetch ID FILE    keep a plan in the state's bucket
//	plancheck seal FROM TO, plancheck open FROM TO   encrypt a plan until it is applied, with PLAN_KEY
//	terraform show -json PLAN | plancheck unchanged      print the outputs, if there is nothing to apply
//	plancheck lint NAME=FILE...                     judge what `terraform test -json -verbose` planned
//	plancheck cost NAME=FILE                        price it
//	plancheck change NAME=FILE...                   compare two of them, the first of which was planned twice
//	plancheck run OUT ERR COMMAND...                run Terraform with its output in files, and show how far it is
//
// check, drift, save and fetch write messages in the manner of Terraform's
// -json: one JSON object a line, of type plan_report, plan_cost or diagnostic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"sensor-backend/plancheck/follow"
)

// The exit codes besides 0.
const (
	exitRefused   = 1
	exitDifferent = 2
)

// errDifferent says that the world differs from the configuration.
var errDifferent = errors.New("the world differs from the configuration")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run does one command and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "run" {
		return follows(ctx, args[1:], stdout, stderr)
	}
	commands := map[string]func(context.Context, []string, io.Reader, io.Writer) error{
		"check": check, "drift": drift, "save": save, "fetch": fetch, "lint": lint, "cost": price, "change": change,
		"seal": seal, "open": unseal, "unchanged": unchanged,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		_, _ = fmt.Fprintln(stderr, "plancheck: give a command: change, check, cost, drift, fetch, lint, open, run, save, seal or unchanged")
		return exitRefused
	}
	err := commands[args[0]](ctx, args[1:], stdin, stdout)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errDifferent):
		return exitDifferent
	}
	if args[0] != "lint" && args[0] != "cost" {
		diagnose(stdout, err)
	}
	_, _ = fmt.Fprintln(stderr, "plancheck:", err)
	return exitRefused
}

// follows runs a command, its output in files, and returns its exit code.
func follows(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const files = 2
	fail := func(err error) int {
		_, _ = fmt.Fprintln(stderr, "plancheck:", err)
		return exitRefused
	}
	if len(args) <= files {
		return fail(errors.New("run: give two files, for standard output and standard error, and a command"))
	}
	out, errOut, err := follow.Files(args[0], args[1])
	if err != nil {
		return fail(err)
	}
	code, err := follow.Command(ctx, args[files:], out, errOut, stdout, showEvery)
	if err := errors.Join(err, out.Close(), errOut.Close()); err != nil {
		return fail(err)
	}
	return code
}

// showEvery is how often a line says how far Terraform is.
const showEvery = 5 * time.Second
