// Command app is what the integration tests deploy. The file /variant in its
// image says how it behaves: "crash" exits at once, "deaf" never gets healthy,
// "slow" takes its time, anything else is well.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	address := ":" + os.Getenv("PORT")
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		response, err := http.Get("http://localhost" + address + "/healthz")
		if err != nil || response.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	raw, err := os.ReadFile("/variant")
	if err != nil {
		fmt.Println("no variant:", err)
		os.Exit(2)
	}
	variant := strings.TrimSpace(string(raw))
	fmt.Println("starting as", variant)
	switch {
	case strings.HasPrefix(variant, "crash"):
		fmt.Println("panic: no database on purpose")
		os.Exit(3)
	case strings.HasPrefix(variant, "slow"):
		time.Sleep(3 * time.Second)
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if strings.HasPrefix(variant, "deaf") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second}
	if err := server.ListenAndServe(); err != nil {
		fmt.Println(err)
		os.Exit(4)
	}
}
