package lock

import (
	"context"
	"strings"

	"github.com/aws/smithy-go/middleware"
)

// Guard makes every AWS client of a configuration ask check before it sends a
// request that changes something, and not send it if that is an error: a holder
// that was paused must not write once its lock is another's. It is an option of
// aws.Config's APIOptions.
func Guard(check func(ctx context.Context) error) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("DeployLock", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			if changes(middleware.GetOperationName(ctx)) {
				if err := check(ctx); err != nil {
					return middleware.InitializeOutput{}, middleware.Metadata{}, err
				}
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
}

// reads are how the names of operations begin that change nothing. BatchGet also
// reads, as does Query and Scan of DynamoDB.
func reads() []string {
	return []string{"Describe", "Get", "List", "Head", "BatchGet", "BatchCheck", "Filter", "Lookup", "Query", "Scan", "Simulate", "Validate", "AssumeRole", "Receive"}
}

// changes reports whether an operation changes something. One whose name is not
// known to read counts as a change.
func changes(operation string) bool {
	for _, prefix := range reads() {
		if strings.HasPrefix(operation, prefix) {
			return false
		}
	}
	return true
}
