package pgtest

import "syscall"

// dieWithParent stops the server also when the tests are killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} }
