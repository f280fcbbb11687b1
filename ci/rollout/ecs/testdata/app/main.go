// Command app is what the integration tests deploy as a service. The file
// /variant in its image says how it behaves: "crash" panics at once, "deaf" never
// gets healthy, "slow" takes its time, "brittle" panics at its first request,
// anything else is well.
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
		panic("no database on purpose")
	case strings.HasPrefix(variant, "slow"):
		time.Sleep(3 * time.Second)
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if strings.HasPrefix(variant, "deaf") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if strings.HasPrefix(variant, "brittle") {
			// net/http would take a panic for the request's alone.
			go func() { panic("no request on purpose") }()
			time.Sleep(time.Second)
		}
		fmt.Fprint(w, variant)
	})
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second}
	if err := server.ListenAndServe(); err != nil {
		fmt.Println(err)
		os.Exit(4)
	}
}
