package lambda

import (
	"testing"

	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestLambdaStates says what each state and update status alone means.
func TestLambdaStates(t *testing.T) {
	t.Parallel()
	states := map[types.State]string{
		types.StateActive: "ready", types.StateInactive: "ready", types.StatePending: "wait",
		types.StateFailed: "broken", types.StateDeactivating: "broken", types.StateDeactivated: "broken",
		types.StateActiveNonInvocable: "broken", types.StateDeleting: "broken",
	}
	rollouttest.Pinned(t, types.State("").Values(), states)
	updates := map[types.LastUpdateStatus]string{
		types.LastUpdateStatusSuccessful: "ready", types.LastUpdateStatusFailed: "broken", types.LastUpdateStatusInProgress: "wait",
	}
	rollouttest.Pinned(t, types.LastUpdateStatus("").Values(), updates)
	words := map[Readiness]string{Ready: "ready", NotYet: "wait", Broken: "broken"}
	for state, want := range states {
		r, why := Evaluate(&lambda.GetFunctionConfigurationOutput{State: state, LastUpdateStatus: types.LastUpdateStatusSuccessful})
		if words[r] != want {
			t.Errorf("state %s means %s (%s), want %s", state, words[r], why, want)
		}
	}
	for update, want := range updates {
		r, why := Evaluate(&lambda.GetFunctionConfigurationOutput{State: types.StateActive, LastUpdateStatus: update})
		if words[r] != want {
			t.Errorf("update status %s means %s (%s), want %s", update, words[r], why, want)
		}
	}
}
