// Command function is what the integration tests deploy to Lambda. Its variant,
// which is baked in, says how it behaves: "panics" does so at every event,
// "brittle" at every event that has something in it, "slow" takes its time to
// start, anything else is well.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var variant string

func main() {
	fmt.Println("starting as", variant)
	if strings.HasPrefix(variant, "slow") {
		time.Sleep(3 * time.Second)
	}
	runtime := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(runtime + "next")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		_ = next.Body.Close()
		handle(event)
		answer := fmt.Sprintf("%q", variant)
		response, err := http.Post(runtime+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", bytes.NewBufferString(answer))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		_ = response.Body.Close()
	}
}

func handle(event []byte) {
	fmt.Println("event of", len(event), "bytes")
	switch {
	case strings.HasPrefix(variant, "panics"),
		strings.HasPrefix(variant, "brittle") && !bytes.Contains(event, []byte(`"Records":[]`)):
		panic("no table on purpose")
	}
}
