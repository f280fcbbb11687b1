package ecs

import (
	"cmp"

	"dagger/sensor-backend/rollout"
)

// next is what to do after the end of a watch.
func next(e verdictEnd, res Result) string {
	before := cmp.Or(rollout.ShortName(res.Previous.TaskDefinition), "the version before")
	switch e.outcome {
	case rollout.RolledBack:
		return before + " runs as before; the stopped tasks' reasons and log say what to mend"
	case rollout.RollbackFailed:
		return "look at the service now, then roll back to " + before + " by hand"
	case rollout.Failed:
		switch {
		case !res.Previous.Settled:
			return "nothing ran before that could be restored; mend it and deploy again"
		case !e.ended:
			return "the deployment goes on in ECS; roll back to " + before + ", or mend it and deploy again"
		}
		return "nothing was rolled back; roll back to " + before + ", or mend it and deploy again"
	case rollout.Superseded:
		return "see who else deploys, then deploy again"
	case rollout.Stopped:
		return "deploy again, or roll back to " + before
	case rollout.TimedOut:
		return "the deployment goes on in ECS; look at status, wait longer, or roll back to " + before
	case rollout.Canceled:
		return "look at status, which says what runs; ECS ends the deployment without being watched"
	case rollout.Lost:
		return "the deployment goes on in ECS unwatched; renew access and look at status"
	default:
		return ""
	}
}
