package ecr

import (
	"strings"
	"testing"
)

func TestAttach(t *testing.T) {
	t.Parallel()
	endpoint := registryServer(t)
	credentials := Credentials{User: "AWS", Password: "secret", Endpoint: endpoint}
	const repository = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/sensor-dev-api"
	pushed, err := Push(t.Context(), PushRequest{Image: prepared(t), Repository: repository, Credentials: credentials})
	if err != nil {
		t.Fatal(err)
	}
	of := Image{Repository: repository, Digest: pushed.Digest, Credentials: credentials}
	if none, err := Attached(t.Context(), of); err != nil || len(none) != 0 {
		t.Fatalf("before: %q, %v", none, err)
	}
	said := []Attestation{{"https://slsa.dev/provenance/v1", []byte(`{"payload":"a"}`)}, {"https://cyclonedx.org/bom", []byte(`{"payload":"b"}`)}}
	if err := Attach(t.Context(), of, said); err != nil {
		t.Fatal(err)
	}
	got, err := Attached(t.Context(), of)
	if err != nil || len(got) != 2 || string(got[0]) != `{"payload":"a"}` || string(got[1]) != `{"payload":"b"}` {
		t.Errorf("got %q, %v", got, err)
	}
	if head(t, endpoint, "sensor-dev-api:sha256-"+strings.TrimPrefix(pushed.Digest, "sha256:")+".att") == "" {
		t.Error("it does not lie where cosign reads it")
	}
	other := of
	other.Credentials.Password = "other"
	if _, err := Attached(t.Context(), other); err == nil || strings.Contains(err.Error(), "other") {
		t.Errorf("with the wrong password: %v", err)
	}
	for _, digest := range []string{"", "sha256:0", "$(id)"} {
		other := of
		other.Digest = digest
		_, readErr := Attached(t.Context(), other)
		if err := Attach(t.Context(), other, said); err == nil || readErr == nil {
			t.Errorf("took the digest %q", digest)
		}
	}
}
