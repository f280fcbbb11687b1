package rollouttest

import (
	"time"

	"github.com/aws/smithy-go"
)

// Latency is what a call takes. Without any, the SDK's waiters never end: near
// their limit they ask again without a pause.
const Latency = 40 * time.Millisecond

// APIError is an error of AWS with a code.
func APIError(code string) error { return &smithy.GenericAPIError{Code: code, Message: "scripted"} }

// Times refuses the calls from n to m.
func Times(n, m int, code string) func(int) error {
	return func(call int) error {
		if call >= n && call <= m {
			return APIError(code)
		}
		return nil
	}
}
