package report

import (
	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/text"
)

// GitHubDeployment is the body of "Create a deployment" in GitHub's REST API.
type GitHubDeployment struct {
	Ref         string `json:"ref"`
	Environment string `json:"environment"`
	Description string `json:"description"`
	// AutoMerge is false and RequiredContexts is empty, not null: what is
	// deployed is this commit as it is.
	AutoMerge        bool     `json:"auto_merge"`
	RequiredContexts []string `json:"required_contexts"`
	Production       bool     `json:"production_environment"`
}

// GitHubStatus is the body of "Create a deployment status".
type GitHubStatus struct {
	// State is success, failure or error.
	State       string `json:"state"`
	Environment string `json:"environment"`
	// Description has at most 140 characters.
	Description string `json:"description"`
	LogURL      string `json:"log_url,omitempty"`
}

// GitHub is the record as a deployment and its status. A run that deployed
// nothing, and one on the emulated AWS, is none: ok is false.
func GitHub(r record.Record) (deployment GitHubDeployment, status GitHubStatus, ok bool) {
	if !r.Decision.Deploys && r.Kind != record.Rollback || r.Target.Environment == "" || r.Target.Emulated || r.Commit == "" {
		return deployment, status, false
	}
	text := text.Clip(Headline(r), 140)
	deployment = GitHubDeployment{
		Ref: r.Commit, Environment: r.Target.Environment, Description: text,
		RequiredContexts: []string{}, Production: r.Target.Environment == "prod",
	}
	status = GitHubStatus{State: state(r.Outcome), Environment: r.Target.Environment, Description: text, LogURL: link(r.By.URL)}
	return deployment, status, true
}

func state(o pipeline.Outcome) string {
	switch o {
	case pipeline.Passed:
		return "success"
	case pipeline.Failed:
		return "failure"
	default:
		return "error"
	}
}
