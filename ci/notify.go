package main

import (
	"context"
	"errors"
	"fmt"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/notify"
	"dagger/sensor-backend/record"
)

// Notify tells of a run that is over, from its record: Slack by a webhook or as a bot, and GitHub. With a text instead of a record it posts that to the webhook. Fails if someone was not told.
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
	// Address of GitHub's API, for a GitHub of one's own.
	// +default="https://api.github.com"
	githubAPI string,
) (told string, err error) {
	defer clean(&told, &err)
	to := receivers{
		webhook: webhook, slackToken: slackToken, slackChannel: slackChannel,
		githubToken: githubToken, githubRepository: githubRepository, githubAPI: githubAPI,
	}
	switch {
	case record != nil && report != "":
		return "", errors.New("both --record and --report are given: leave out one of them")
	case record != nil:
		return tellRecord(ctx, to, record)
	case report != "":
		return postText(ctx, to, report)
	}
	return "", errors.New("nothing to tell: give --record FILE, the record.json of a run's report, or --report TEXT")
}

func tellRecord(ctx context.Context, to receivers, file *dagger.File) (string, error) {
	senders, err := to.senders(ctx)
	if err != nil {
		return "", err
	}
	text, err := file.Contents(ctx)
	if err != nil {
		return "", fmt.Errorf("read the record: %w", err)
	}
	r, err := record.Decode([]byte(text))
	if err != nil {
		return "", err
	}
	told := notify.All(ctx, senders, r, notify.Limit)
	if err := notify.Err(told); err != nil {
		return "", errors.New(notify.Line(told))
	}
	return notify.Line(told), nil
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
