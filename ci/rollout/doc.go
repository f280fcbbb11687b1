// Package rollout deploys to Amazon ECS and AWS Lambda and says truthfully what
// became of it.
//
// A service that is stable is not a service that is deployed: after a circuit
// breaker's rollback it is stable too, running the old version. So a deploy
// follows its own deployment to that deployment's end, and each way to end is
// an Outcome of its own; only Completed and Unchanged are success.
//
// Start at Services.Deploy and Functions.Deploy. What an answer means is
// decided by pure functions (Evaluate, EvaluateFunction); the loops around them
// only ask and sleep. Nothing here knows of Dagger, and AWS is reached through
// the interfaces ECSAPI, LogTail and LambdaAPI.
package rollout
