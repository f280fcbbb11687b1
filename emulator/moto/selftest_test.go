package moto

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// startMoto starts the moto of MOTO_COMMAND, such as python3 or chroot DIR
// python3, or of the machine's python3 if it has one.
func startMoto(t *testing.T) *Client {
	t.Helper()
	command := strings.Fields(os.Getenv("MOTO_COMMAND"))
	if len(command) == 0 {
		command = []string{"python3"}
		if exec.CommandContext(t.Context(), "python3", "-c", "import moto.server, flask_cors").Run() != nil {
			t.Skip("this machine's python3 has no moto; the integration tests run against a real one")
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on tcp
	_ = listener.Close()
	child, err := Start(t.Context(), command, port, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Stop)
	client := NewClient(fmt.Sprintf("http://127.0.0.1:%d", port))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := child.WaitReady(ctx, client); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestSelfTestOfRealMoto wants the corrected moto to pass, and nothing of the test
// to stay.
func TestSelfTestOfRealMoto(t *testing.T) {
	t.Parallel()
	client := startMoto(t)
	start := time.Now()
	if err := client.SelfTest(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("moto %s passes in %s", client.Version(t.Context()), time.Since(start).Round(time.Millisecond))
	var clusters struct{ ClusterArns []string }
	if err := client.JSON(t.Context(), testRegion, "AmazonEC2ContainerServiceV20141113.ListClusters", map[string]any{}, &clusters); err != nil || len(clusters.ClusterArns) > 0 {
		t.Errorf("the self-test leaves %v, %v", clusters.ClusterArns, err)
	}
}

// TestSelfTestNamesWhatIsMissing gives the self-test a moto that has nothing.
func TestSelfTestNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/_moto/version":
			_, _ = w.Write([]byte("5.9.1\n"))
		case "/moto-api/reset":
		default:
			http.Error(w, "not implemented", http.StatusNotImplemented)
		}
	}))
	t.Cleanup(server.Close)
	err := NewClient(server.URL).SelfTest(t.Context())
	if err == nil {
		t.Fatal("a moto without any operation passes")
	}
	for _, want := range append(operations(), "moto 5.9.1 does not serve the emulated AWS", "use version 5.2.4, or correct emulator/moto/shim.py") {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func operations() []string {
	names := make([]string, 0, len(checks()))
	for _, c := range checks() {
		names = append(names, c.operation)
	}
	return names
}
