package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/pipeline/notify"
	"dagger/sensor-backend/pipeline/record"
)

// Notify reports a run that is over, from its record, to Slack and GitHub.
//
// Slack gets it by a webhook or as a bot. With a text instead of a record it posts
// that to the webhook. A message that was not delivered is an error.
//
// +cache="never"
func (m *SensorBackend) Notify(
	ctx context.Context,
	// Record of the run: record.json of its report.
	// +optional
	record *dagger.File,
	// Text to post instead.
	// +optional
	report string,
	// Address of an incoming webhook (Slack, Mattermost and others that take {"text": …}), such as env://WEBHOOK_URL. It is a secret: who has it can post.
	// +optional
	webhook *dagger.Secret,
	// Token of a Slack bot with the scope chat:write, such as env://SLACK_TOKEN: one thread a run, what failed as replies.
	// +optional
	slackToken *dagger.Secret,
	// Channel that the bot posts to, by id or name; the bot must be a member.
	// +optional
	slackChannel string,
	// GitHub token that may write deployments, such as env://GITHUB_TOKEN: the run becomes a deployment of its commit with a status. A job with an environment gets that from GitHub itself.
	// +optional
	githubToken *dagger.Secret,
	// GitHub repository, OWNER/NAME.
	// +optional
	githubRepository string,
	// Number of a pull request to comment on, in place of a deployment: the comment of the run before is written over. The token may then write on pull requests.
	// +optional
	pullRequest int,
	// The pull request comes from a fork, whose token may not write: then nothing is sent to GitHub.
	// +optional
	fork bool,
	// Address of GitHub's API, for GitHub Enterprise Server.
	// +default="https://api.github.com"
	githubAPI string,
) (sent string, err error) {
	defer redactResult(&sent, &err)
	to := receivers{
		webhook: webhook, slackToken: slackToken, slackChannel: slackChannel,
		githubToken: githubToken, githubRepository: githubRepository, githubAPI: githubAPI, pullRequest: pullRequest,
	}
	if fork && pullRequest != 0 {
		to.githubToken, to.pullRequest = nil, 0
		progress("notify: no comment on pull request %d: it comes from a fork, whose token may not write", pullRequest)
	}
	switch {
	case record != nil && report != "":
		return "", errors.New("both --record and --report are given: leave out one of them")
	case record != nil:
		return tellRecord(ctx, to, record)
	case report != "":
		return postText(ctx, to, report)
	}
	return "", errors.New("nothing to send: give --record FILE, the record.json of a run's report, or --report TEXT")
}

func tellRecord(ctx context.Context, to receivers, file *dagger.File) (string, error) {
	senders, err := to.senders(ctx)
	if err != nil {
		return "", err
	}
	raw, err := file.Contents(ctx)
	if err != nil {
		return "", fmt.Errorf("read the record: %w", err)
	}
	r, err := record.Decode([]byte(raw))
	if err != nil {
		return "", err
	}
	if len(senders) == 0 {
		return "nobody to notify", nil
	}
	results := notify.All(ctx, senders, r, notify.Limit)
	if err := notify.Err(results); err != nil {
		return "", errors.New(notify.Summary(results))
	}
	return notify.Summary(results), nil
}

// postText posts to the webhook, or returns the text where there is none.
func postText(ctx context.Context, to receivers, text string) (string, error) {
	address, err := plaintext(ctx, to.webhook, "the webhook's address")
	if err != nil || address == "" {
		return text, err
	}
	ctx, cancel := context.WithTimeout(ctx, notify.Limit)
	defer cancel()
	if err := (notify.SlackWebhook{Address: address}).Post(ctx, text); err != nil {
		return "", fmt.Errorf("post to the webhook: %w", err)
	}
	return text, nil
}

// receivers are who is notified of a run, as the arguments name them.
type receivers struct {
	webhook                     *dagger.Secret
	slackToken                  *dagger.Secret
	slackChannel                string
	githubToken                 *dagger.Secret
	githubRepository, githubAPI string
	// pullRequest is the number of the one to comment on; 0 for a deployment instead.
	pullRequest int
}

// senders reads the secrets and makes a sender for each receiver. What is named in
// part is an error, before anything has run.
func (to receivers) senders(ctx context.Context) ([]notify.Sender, error) {
	address, err := plaintext(ctx, to.webhook, "the webhook's address")
	if err != nil {
		return nil, err
	}
	bot, err := plaintext(ctx, to.slackToken, "Slack's token")
	if err != nil {
		return nil, err
	}
	hub, err := plaintext(ctx, to.githubToken, "GitHub's token")
	if err != nil {
		return nil, err
	}
	channel, repository := strings.TrimSpace(to.slackChannel), strings.TrimSpace(to.githubRepository)
	var all []notify.Sender
	if address != "" {
		all = append(all, notify.SlackWebhook{Address: address})
	}
	switch {
	case bot != "" && channel == "":
		return nil, errors.New("a Slack token is given and no channel: give --slack-channel")
	case bot != "":
		all = append(all, notify.SlackChannel{Token: bot, Channel: channel, API: notify.SlackAPI})
	}
	switch {
	case to.pullRequest < 0:
		return nil, fmt.Errorf("pull request %d: give its number, for example --pull-request 7", to.pullRequest)
	case to.pullRequest != 0 && hub == "":
		return nil, errors.New("a pull request is given and no GitHub token: give --github-token env://GITHUB_TOKEN")
	case hub != "" && repository == "":
		return nil, errors.New("a GitHub token is given and no repository: give --github-repository OWNER/NAME")
	case hub != "":
		if err := notify.CheckRepository(repository); err != nil {
			return nil, err
		}
		all = append(all, to.onGitHub(notify.GitHub{Token: hub, Repository: repository, API: cmp.Or(to.githubAPI, notify.GitHubAPI)}))
	}
	return all, nil
}

// onGitHub is the sender for what GitHub is to show: a comment on a pull request, or a
// deployment.
func (to receivers) onGitHub(hub notify.GitHub) notify.Sender {
	if to.pullRequest != 0 {
		return notify.PullRequest{GitHub: hub, Number: to.pullRequest}
	}
	return hub
}
