package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lock"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	// emulatorPort answers for every AWS API, the registry and the control
	// address; balancerPort for what the load balancer serves.
	emulatorPort = 4566
	balancerPort = 8000

	// emulatorHost is its name in containers that it is bound to, emulatorURL
	// its address there.
	emulatorHost = "aws"
	emulatorURL  = "http://aws:4566"

	// warehouseParameter is where the emulator keeps the warehouse's address.
	warehouseParameter = "/sensor-backend/warehouse-url"
)

// Emulator is the emulated AWS as a service, for `dagger call emulator up`.
//
// Deploy to it with `dagger call --emulator tcp://localhost:4566 deploy`.
// Port 4566 answers every AWS API (give it to the AWS CLI as AWS_ENDPOINT_URL,
// with any credentials), port 8000 shows what the load balancer serves. What
// is in it lasts until it is stopped.
func (m *SensorBackend) Emulator(ctx context.Context) (*dagger.Service, error) {
	arch, err := engineArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	edge := staticBinary(m.EmulatorSource, "cmd/edge", arch)
	return dag.Container().
		From(motoImage).
		WithUser("root").
		WithFile("/usr/local/bin/edge", edge).
		WithServiceBinding("warehouse", postgres("warehouse")).
		WithEnvVariable("SENSOR_WAREHOUSE_URL", databaseURL("warehouse")).
		WithExposedPort(emulatorPort).
		WithExposedPort(balancerPort).
		AsService(dagger.ContainerAsServiceOpts{Args: []string{"/usr/local/bin/edge", "-listen", fmt.Sprintf(":%d", emulatorPort), "-elb-listen", fmt.Sprintf(":%d", balancerPort)}}), nil
}

// connectEmulator starts the emulated AWS, or reaches the one that runs already.
func (m *SensorBackend) connectEmulator(ctx context.Context) (*cloud, func(), error) {
	service := m.RunningEmulator
	if service == nil {
		var err error
		if service, err = m.Emulator(ctx); err != nil {
			return nil, nil, err
		}
	}
	service, err := service.Start(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("start the emulated AWS: %w", err)
	}
	stop := func() {
		// The session's end stops it in any case, and one that the user
		// brought up is not ours to stop.
		if m.RunningEmulator == nil {
			_, _ = service.Stop(context.WithoutCancel(ctx))
		}
	}
	// Its first port answers for the APIs; a user may have given it another number.
	endpoint, err := service.Endpoint(ctx, dagger.ServiceEndpointOpts{Scheme: "http"})
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("find the emulated AWS: %w", err)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("find the emulated AWS at %q: %w", endpoint, err)
	}
	// The emulated AWS takes any credentials. No part of them is a word that a log has,
	// where the engine would hide it as a secret.
	const keyID, key = "ANYKEYOFANACCOUNT", "the-emulated-AWS-knows-no-key"
	c := &cloud{
		config: aws.Config{
			Region:       m.Region,
			BaseEndpoint: &endpoint,
			Credentials:  credentials.NewStaticCredentialsProvider(keyID, key, ""),
		},
		guard:    &atomic.Pointer[lock.Lock]{},
		emulator: service,
		bound:    "http://" + net.JoinHostPort(emulatorHost, port),
	}
	c.guardChanges()
	c.prepared = sync.OnceValue(func() error { return m.prepareEmulated(ctx, c) })
	if c.moto, err = awaitHealth(ctx, endpoint); err == nil {
		err = c.identify(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	progress("target: %s", m.targetName(c))
	return c, stop, nil
}

// awaitHealth waits until the emulator answers for all its parts, and returns the
// version of its moto. One whose moto does not serve never will: that is an error
// at once.
func awaitHealth(ctx context.Context, endpoint string) (moto string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var last error
	client := &http.Client{Timeout: 5 * time.Second}
	for {
		health, code, err := askHealth(ctx, client, endpoint)
		switch {
		case err == nil && code == http.StatusOK:
			return health.Moto, nil
		case err == nil && code == http.StatusInternalServerError:
			return "", errors.New("the emulated AWS: " + health.Status)
		case err == nil:
			err = fmt.Errorf("it answers %d: %s", code, health.Status)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the emulated AWS does not become healthy: %w", errors.Join(last, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// health is what the emulated AWS says of itself; see emulator/README.md.
type health struct {
	Status string `json:"status"`
	Moto   string `json:"moto"`
}

func askHealth(ctx context.Context, client *http.Client, endpoint string) (health, int, error) {
	var h health
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_emulator/health", nil)
	if err != nil {
		return h, 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return h, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&h); err != nil {
		return h, 0, fmt.Errorf("it answers %s and what is not JSON: %w", response.Status, err)
	}
	return h, response.StatusCode, nil
}
