package main

import "dagger/sensor-backend/internal/dagger"

const (
	postgresPort = 5432
	// The databases here live as long as one run and hold generated readings;
	// the password guards nothing.
	postgresUser = "sensor"
)

// postgres is a database server of its own for each purpose: equal services
// are one service to the engine.
func postgres(purpose string) *dagger.Service {
	return dag.Container().
		From(postgresImage).
		WithLabel("purpose", purpose).
		WithEnvVariable("POSTGRES_USER", postgresUser).
		WithEnvVariable("POSTGRES_PASSWORD", postgresUser).
		WithEnvVariable("POSTGRES_DB", postgresUser).
		WithExposedPort(postgresPort).
		AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true})
}

// databaseURL is where clients bound under the given host name find it.
func databaseURL(host string) string {
	return "postgres://" + postgresUser + ":" + postgresUser + "@" + host + ":5432/" + postgresUser + "?sslmode=disable"
}
