// Package rollout deploys to Amazon ECS and AWS Lambda and says truthfully what
// became of it.
//
// A service that is stable is not a service that is deployed: after a circuit
// breaker's rollback it is stable too, running the old version. So a deploy
// follows its own deployment to that deployment's end, and each way to end is
// an Outcome of its own; only Completed and Unchanged are success.
//
// The deployers are in the packages ecs (start at Services.Deploy) and lambda
// (start at Functions.Deploy). What an answer means is decided there by pure
// functions named Evaluate; the loops around them only ask and sleep. Nothing
// here knows of Dagger, and AWS is reached through small interfaces.
//
// AWS is slow, stale and partial, which the deployers allow for: each call has a
// time limit of its own (package poll); after a lost answer the state is read before
// a change is sent again; and what AWS says of a deployment counts only if it
// is about this deployment.
package rollout
