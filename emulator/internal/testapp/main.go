// Command testapp is what the emulator's tests deploy: a small HTTP server, its
// own health check, and a Lambda function when it is run as one.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		if reason := os.Getenv("PANIC"); reason != "" {
			panic(reason)
		}
		fmt.Fprintln(os.Stderr, "function:", serveLambda("http://"+api+"/2018-06-01/runtime"))
		os.Exit(1)
	}
	if len(os.Args) > 1 {
		os.Exit(command(os.Args[1:]))
	}
	if code, err := strconv.Atoi(os.Getenv("EXIT")); err == nil {
		fmt.Println("cannot go on: exiting with", code)
		os.Exit(code)
	}
	fmt.Println("listening on", os.Getenv("PORT"), "as", os.Getuid(), os.Getgid())
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		fmt.Println("asked to stop")
		if os.Getenv("STUBBORN") == "" {
			_ = server.Close()
		}
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Println(err)
		os.Exit(1)
	}
}

// command runs what a test asks for: the health check, or something that shows
// where it runs.
func command(args []string) int {
	switch args[0] {
	case "healthcheck":
		res, err := http.Get("http://localhost:" + os.Getenv("PORT") + "/healthz")
		if err != nil {
			return 1
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return 1
		}
	case "write":
		if err := os.WriteFile(args[1], []byte(fmt.Sprint(os.Getuid())), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
	case "exit":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return 1
		}
		return code
	case "sleep":
		time.Sleep(time.Hour)
	case "ignore":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ignoring")
		time.Sleep(time.Hour)
	case "spawn":
		child, err := os.StartProcess("/testapp", []string{"/testapp", "sleep"}, &os.ProcAttr{})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(child.Pid)
	}
	return 0
}

func serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		if os.Getenv("SICK") != "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	case "/slow":
		time.Sleep(500 * time.Millisecond)
	case "/metadata", "/keys":
		address := os.Getenv("ECS_CONTAINER_METADATA_URI_V4")
		if r.URL.Path == "/keys" {
			address = os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
		}
		res, err := http.Get(address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(w, res.Body)
		return
	}
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	_ = json.NewEncoder(w).Encode(env)
}

// serveLambda answers each event with the version, the environment's GREETING
// and the event itself; an event with "fail" is an error, with "crash" the end.
func serveLambda(runtime string) error {
	for {
		res, err := http.Get(runtime + "/invocation/next")
		if err != nil {
			return err
		}
		event, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return err
		}
		fmt.Println("event", string(event))
		var asked struct{ Fail, Crash, Hang bool }
		_ = json.Unmarshal(event, &asked)
		path, answer := "/response", any(map[string]any{
			"version": os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), "greeting": os.Getenv("GREETING"), "event": json.RawMessage(event),
		})
		switch {
		case asked.Crash:
			return errors.New("crashed as asked")
		case asked.Hang:
			time.Sleep(time.Hour)
		case asked.Fail:
			path, answer = "/error", map[string]string{"errorType": "Asked", "errorMessage": "failed as asked"}
		}
		body, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		res, err = http.Post(runtime+"/invocation/"+res.Header.Get("Lambda-Runtime-Aws-Request-Id")+path, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		_ = res.Body.Close()
	}
}
