package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/notify"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// receivers are whom a run is told of, as the arguments name them.
type receivers struct {
	webhook                     *dagger.Secret
	slackToken                  *dagger.Secret
	slackChannel                string
	githubToken                 *dagger.Secret
	githubRepository, githubAPI string
}

// senders reads the secrets and makes a sender for each receiver. What is named
// by half is an error, before anything has run.
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
	case hub != "" && repository == "":
		return nil, errors.New("a GitHub token is given and no repository: give --github-repository OWNER/NAME")
	case hub != "":
		if err := notify.CheckRepository(repository); err != nil {
			return nil, err
		}
		all = append(all, notify.GitHub{Token: hub, Repository: repository, API: cmp.Or(to.githubAPI, notify.GitHubAPI)})
	}
	return all, nil
}

// topic is the sender for the SNS topic that the infrastructure has for what
// happens to the system.
func (d *delivery) topic() notify.Sender {
	return notify.SNS{API: sns.NewFromConfig(d.cloud.config), Topic: func(ctx context.Context) (string, error) {
		out, err := d.have(ctx)
		if err != nil {
			return "", fmt.Errorf("read the infrastructure's outputs: %w", err)
		}
		return out["alarms_topic_arn"], nil
	}}
}
