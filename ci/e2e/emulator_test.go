//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	sdk "dagger.io/dagger"
)

// emulator brings an emulated AWS up for the test, as a service of the module, and
// returns the addresses of its APIs and of its load balancer on this machine.
func emulator(t *testing.T) (address, balancer string) {
	t.Helper()
	const apiPort, balancerPort = 4566, 8000
	output := &transcript{}
	client := connect(t, output)
	// It outlives the test's context, whose end comes before the cleanup.
	ctx := context.WithoutCancel(t.Context())
	fail := func(what string, err error) {
		t.Helper()
		t.Fatalf("%s: %v\n%s", what, err, tail(output.String()))
	}
	if err := client.ModuleSource(repository(t)).AsModule().Serve(ctx); err != nil {
		fail("load the module", err)
	}
	var answer struct {
		SensorBackend struct{ Emulator struct{ ID sdk.ServiceID } }
	}
	err := client.Do(ctx, &sdk.Request{Query: "{ sensorBackend { emulator { id } } }"}, &sdk.Response{Data: &answer})
	if err != nil {
		fail("make the emulator", err)
	}
	// The system chooses the ports on this machine, so that no two worlds want the same.
	tunnel, err := client.Host().Tunnel(client.LoadServiceFromID(answer.SensorBackend.Emulator.ID), sdk.HostTunnelOpts{Ports: []sdk.PortForward{
		{Backend: apiPort}, {Backend: balancerPort},
	}}).Start(ctx)
	if err != nil {
		fail("start the emulator", err)
	}
	t.Cleanup(func() {
		if _, err := tunnel.Stop(ctx); err != nil {
			t.Logf("stop the emulator: %v", err)
		}
	})
	ports, err := tunnel.Ports(ctx)
	if err != nil {
		fail("ask for the tunnel's ports", err)
	}
	if len(ports) != 2 {
		t.Fatalf("the tunnel has %d ports, want 2", len(ports))
	}
	// They come in the order in which they were asked for.
	address, balancer = local(t, ports[0]), local(t, ports[1])
	until(t, "the emulator is healthy", func() bool { return healthy(t, address) })
	return address, balancer
}

// local is the address of a tunnel's port on this machine.
func local(t *testing.T, port sdk.Port) string {
	t.Helper()
	number, err := port.Port(t.Context())
	if err != nil {
		t.Fatalf("ask for the tunnel's port: %v", err)
	}
	return fmt.Sprintf("localhost:%d", number)
}

// connect opens a session of the engine that dagger on the PATH uses, until the
// test ends. What the session prints goes to output.
func connect(t *testing.T, output *transcript) *sdk.Client {
	t.Helper()
	program, err := exec.LookPath("dagger")
	if err != nil {
		t.Fatal(err)
	}
	// Dagger's SDK takes the program from the environment, and downloads one
	// otherwise. Every test sets the same value.
	if err := os.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", program); err != nil {
		t.Fatal(err)
	}
	client, err := sdk.Connect(context.WithoutCancel(t.Context()), sdk.WithLogOutput(output), sdk.WithWorkdir(repository(t)))
	if err != nil {
		t.Fatalf("connect to the engine: %v\n%s", err, tail(output.String()))
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Logf("close the session: %v", err)
		}
	})
	return client
}

// transcript is what a session printed, for an error.
type transcript struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Write adds to it.
func (o *transcript) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

// String is all of it.
func (o *transcript) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// healthy reports whether an emulated AWS answers for all its parts.
func healthy(t *testing.T, address string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/_emulator/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
