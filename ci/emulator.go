package main

import (
	"context"
	"fmt"

	"dagger/sensor-backend/internal/dagger"
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
	warehouseParameter = "/sensor/warehouse-url"
)

// Emulator is the emulated AWS as a service: bring it up with `dagger call emulator up` and deploy to it with `dagger call --emulator tcp://localhost:4566 deploy`.
//
// Port 4566 answers every AWS API (give it to the AWS CLI as AWS_ENDPOINT_URL,
// with any credentials), port 8000 shows what the load balancer serves. What
// is in it lasts until it is stopped.
func (m *SensorBackend) Emulator(ctx context.Context) (*dagger.Service, error) {
	arch, err := engineArchitecture(ctx)
	if err != nil {
		return nil, err
	}
	edge := staticBinary(m.EmulatorSource, "./cmd/edge", arch, "")
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
