package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// The ports of the emulated AWS that is started for a measurement.
const (
	apiPort      = "24566"
	balancerPort = "28000"
)

// startEmulator brings an emulated AWS up and waits until it answers. Down ends it.
func startEmulator(ctx context.Context) (address string, down func(), err error) {
	running, stop := context.WithCancel(ctx)
	up := exec.CommandContext(running, "dagger", "--progress=plain", "call", "emulator", "up",
		"--ports="+apiPort+":4566", "--ports="+balancerPort+":8000")
	up.Dir = ".."
	up.Cancel = func() error { return up.Process.Signal(os.Interrupt) }
	if err := up.Start(); err != nil {
		stop()
		return "", nil, fmt.Errorf("start the emulated AWS: %w", err)
	}
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = up.Wait()
	}()
	down = func() {
		stop()
		<-ended
	}
	address = "http://localhost:" + apiPort
	limit := time.After(15 * time.Minute)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			down()
			return "", nil, err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			return address, down, answer.Body.Close()
		}
		select {
		case <-ended:
			stop()
			return "", nil, errors.Join(errors.New("the emulated AWS ended before it answered"), failed)
		case <-limit:
			down()
			return "", nil, errors.New("the emulated AWS did not answer within 15 minutes")
		case <-time.After(time.Second):
		}
	}
}
