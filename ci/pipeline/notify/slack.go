package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dagger/sensor-backend/pipeline/record"
	"dagger/sensor-backend/pipeline/report"
	"dagger/sensor-backend/redact"
)

// SlackWebhook posts one message to an incoming webhook of Slack, or of a chat
// that takes the same, such as Mattermost.
type SlackWebhook struct {
	// Address is a secret: who has it can post.
	Address string
}

// Name is Slack webhook.
func (SlackWebhook) Name() string { return "Slack webhook" }

// Send posts the run.
func (s SlackWebhook) Send(ctx context.Context, r record.Record) (string, error) {
	message := report.Slack(r)
	// A chat that knows no blocks shows the text, which Slack only uses for the
	// notification on a telephone, and cuts there.
	message.Text += "\n" + fenced(report.Terminal(r))
	if _, err := post(ctx, request{address: s.Address, body: message}); err != nil {
		return "", err
	}
	return "posted", nil
}

// Post posts a text as it is.
func (s SlackWebhook) Post(ctx context.Context, text string) error {
	_, err := post(ctx, request{address: s.Address, body: map[string]string{"text": fenced(text)}})
	return err
}

// fenced is a text as a code block, in which nothing is a mention or a link,
// short enough for one message of Slack (40,000 characters) and of Mattermost
// (16,383).
func fenced(text string) string {
	const most = 12000
	text = strings.NewReplacer("`", "'", "<", "‹").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "\n(cut)"
	}
	return "```\n" + text + "\n```"
}

// SlackAPI is where Slack's Web API answers.
const SlackAPI = "https://slack.com/api"

// SlackChannel posts a thread for each run to a channel, as a bot: the channel
// sees one message, and the stages, with what failed, are its replies.
type SlackChannel struct {
	// Token is the bot's, xoxb-..., with the scope chat:write.
	Token string
	// Channel is the channel's id or name; the bot must be a member.
	Channel string
	// API is SlackAPI outside tests.
	API string
}

// Name is the channel's.
func (s SlackChannel) Name() string { return "Slack channel " + s.Channel }

// Send posts the message and its replies one after the other, so that they stand
// in their order.
func (s SlackChannel) Send(ctx context.Context, r record.Record) (string, error) {
	opening, replies := report.SlackThread(r)
	thread, err := s.post(ctx, "", opening)
	if err != nil {
		return "", err
	}
	for i, reply := range replies {
		if _, err := s.post(ctx, thread, reply); err != nil {
			return "", fmt.Errorf("the message is posted and %d of its %d replies: %w", i, len(replies), err)
		}
	}
	return fmt.Sprintf("posted, with %d replies", len(replies)), nil
}

// slackPost is the body of chat.postMessage.
type slackPost struct {
	Channel string `json:"channel"`
	Thread  string `json:"thread_ts,omitempty"`
	Unfurl  bool   `json:"unfurl_links"`
	report.SlackMessage
}

// post returns the message's timestamp, by which a thread is named. Slack
// answers 200 to what it refuses, too, and says so in the answer.
func (s SlackChannel) post(ctx context.Context, thread string, m report.SlackMessage) (string, error) {
	answer, err := post(ctx, request{
		address: strings.TrimRight(s.API, "/") + "/chat.postMessage", token: s.Token,
		body: slackPost{Channel: s.Channel, Thread: thread, SlackMessage: m},
	})
	if err != nil {
		return "", err
	}
	var out struct {
		OK        bool   `json:"ok"`
		Error     string `json:"error"`
		Timestamp string `json:"ts"`
	}
	switch err := json.Unmarshal(answer, &out); {
	case err != nil:
		return "", errors.New("its answer is not Slack's: is the address that of its API?")
	case !out.OK:
		return "", redact.New(s.Token).Error(fmt.Errorf("it refuses%s", said([]byte(out.Error))))
	case out.Timestamp == "":
		return "", errors.New("its answer does not name the message")
	}
	return out.Timestamp, nil
}
